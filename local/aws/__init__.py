"""The emulated AWS account: moto's server, with the gaps that the real provider meets closed.

Scheduled actions of Auto Scaling groups are carried out, by a clock that can be moved forward.

Known differences from AWS: resources exist at once, quotas and IAM policies are not enforced, nothing runs on
instances, and no mail or message leaves the machine.
"""
