"""The stack's resources at GitHub, and the access of its jobs to AWS."""
