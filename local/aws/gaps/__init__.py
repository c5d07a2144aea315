"""What the real AWS provider asks for and moto 5.2 does not answer: one module for each service.

Each function closes one gap by replacing one method of moto, so that a newer moto that closes it itself needs one
deletion here.
"""

from __future__ import annotations

from local.aws.gaps import autoscaling, budgets, ec2, events, lifecycle, nodes, s3, ssm

SERVICES = (autoscaling, budgets, ec2, events, lifecycle, nodes, s3, ssm)


def close_gaps() -> None:
    """Close all gaps; call once, before the first request."""
    for service in SERVICES:
        service.close()
