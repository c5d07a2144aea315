"""The emulated AWS account: moto's server, with the gaps that the real provider meets closed.

Known differences from AWS: resources exist at once, quotas and IAM policies are not enforced, nothing runs on
instances, and no mail or message leaves the machine.
"""
