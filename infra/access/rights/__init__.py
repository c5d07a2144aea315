"""AWS permissions of GitHub jobs, limited to deploying the declared stack.

Tables list the actions that each resource type needs; `infra/github/jobs_access.py` builds the roles' policies from the
tables. An end-to-end test compares the tables with the calls of real runs: it fails for a resource type without a row,
and for an action that no run calls and no reason explains.
"""
