"""The local account: an emulated AWS account and GitHub repository on loopback, for trials and tests only."""
