"""Setup and destruction of an environment: its state bucket, its KMS key and its stack."""
