"""`cfs cost`: estimates the cost of a stack before its deployment."""
