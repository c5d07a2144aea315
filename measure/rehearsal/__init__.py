"""Runs the delivered workflows on the emulated account, each job under its own role."""
