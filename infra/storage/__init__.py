"""Buckets, the key that encrypts them and all else, and how releases lie in a bucket."""
