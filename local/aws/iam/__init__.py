"""IAM as AWS enforces it on the emulated account, where that is switched on."""

IAM_PATH = "/_control/iam"
"""Where it is switched, and says what was refused and used: `gate.py`."""
