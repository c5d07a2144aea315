"""`cfs deploy`: publishes releases, applies reviewed changes, and rolls a release out to an environment's nodes.

`stages`, `next_action`, `review` and `stored_documents` only compute; `artifact_store`, `node_list`, `run_commands`,
`lease` and `planned_stack` only read and act; `rollout`, `reviewed_apply` and `publish` combine them.
"""
