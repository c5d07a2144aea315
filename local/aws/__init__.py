"""The emulated AWS account: moto's server, with additions for calls that moto lacks.

IAM policies are enforced if this is switched on (`iam`). Requests that AWS would refuse as invalid are refused
(`api_rules`).

Scheduled actions of Auto Scaling groups run, on a clock that can be moved forward.

Delays, quotas, missing spot capacity and faults are off until switched on (`conditions`).

Known differences from AWS: instances run nothing, and no mail or message leaves the machine. Prices are placeholders:
one for all spot instances, and one for all on-demand instances.
"""
