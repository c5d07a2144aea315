"""Commands `cfs guard`."""
