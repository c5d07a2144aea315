"""The machine on which the agents work, and its hours."""
