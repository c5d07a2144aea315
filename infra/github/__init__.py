"""The stack's resources on GitHub, and the access of GitHub jobs to AWS."""
