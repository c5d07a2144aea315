"""The stack's buckets, and the KMS key that encrypts its data."""
