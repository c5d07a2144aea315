"""`cfs prices`: the snapshot of prices, refreshed from AWS."""
