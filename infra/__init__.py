"""The declared stack: one package per area, one component per file, wired in `__main__.py`."""
