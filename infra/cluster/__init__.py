"""The test cluster: groups of spot nodes, their schedules, lifecycle hooks, commands and interruptions."""
