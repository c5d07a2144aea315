"""Alarms for the orchestrator, the cluster and deployments; those for the cost guard are declared with it."""
