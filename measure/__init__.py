"""The measuring harness: how long runs take, whether killed ones recover, and the code's own figures."""
