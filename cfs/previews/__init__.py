"""Reads what `pulumi preview --json` prints and shows its changes."""
