"""IAM as AWS enforces it on the emulated account, where that is switched on."""
