"""Commands of the console program `cfs`, which runs on the operator's machine and in jobs."""
