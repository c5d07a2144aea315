"""The test cluster: groups of spot nodes, their schedules, and what AWS does with a node that comes or goes."""
