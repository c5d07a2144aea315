"""The emulated AWS account: moto's server, with the gaps that the real provider meets closed.

IAM policies are enforced where that is switched on (`iam`).

Scheduled actions of Auto Scaling groups are carried out, by a clock that can be moved forward.

Known differences from AWS: resources exist at once, quotas are not enforced, nothing runs on
instances, there is always spot capacity, and no mail or message leaves the machine. Prices are placeholders: one for
all spot instances, one for all on demand.
"""
