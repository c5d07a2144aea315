"""Entry point of the console program `cfs`."""
