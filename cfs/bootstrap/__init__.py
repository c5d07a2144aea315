"""An environment's beginning and end: the bucket of its state and the key of its secrets, around the stack."""
