"""Enforcement of IAM policies on the emulated account, as AWS does; off unless switched on."""

IAM_PATH = "/_control/iam"
"""Path to switch enforcement, and to read refused and used rights; see `gate.py`."""
