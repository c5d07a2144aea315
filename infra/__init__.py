"""What the stack declares: a package an area, one component a file, wired together in `__main__.py`."""
