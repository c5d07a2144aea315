"""The machine that runs the agents, and its hours."""
