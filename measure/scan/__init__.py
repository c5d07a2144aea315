"""`cfs scan`: an independent scanner, prowler, over a deployed environment."""
