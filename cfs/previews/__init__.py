"""Reads the output of `pulumi preview --json` and shows its changes."""
