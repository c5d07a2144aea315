"""`cfs doctor` for a whole environment: checks of the account, the repository and the deployed stack."""
