"""What the stack declares: one component a file, wired together in `__main__.py`."""
