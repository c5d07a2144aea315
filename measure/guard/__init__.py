"""The harness of the cost guard: `make guard-bench`, `guard-faults` and `guard-replay`."""
