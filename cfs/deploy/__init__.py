"""`cfs deploy`: publishes releases, applies what was reviewed, and brings a release to an environment's nodes.

Decisions stand apart from effects: `stages`, `documents`, `course` and `review` only compute; `store`, `nodes`,
`commands`, `lease` and `stack` only ask and do; `rollout` and `publish` put them together.
"""
