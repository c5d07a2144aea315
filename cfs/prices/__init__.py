"""`cfs prices`: refreshes the snapshot of AWS's prices."""
