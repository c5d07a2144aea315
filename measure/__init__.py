"""The measuring harness: durations of runs, recovery after kills, and metrics of the code."""
