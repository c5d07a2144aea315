"""Makes the next run converge after one that died: its processes, its lock, and what it did not record."""
