"""Runs the delivered workflows against the emulated account, each job under its own role."""
