"""What jobs on GitHub may do in AWS: no more than deploying what the stack declares.

One table a service says which actions each resource type needs; the policies of the roles in
`infra/github/jobs_access.py` are made of the tables. An end-to-end test compares them with what a run really calls: a
resource type without its row fails there, and so does an action that nothing calls and no reason explains.
"""
