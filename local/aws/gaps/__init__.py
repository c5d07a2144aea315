"""What the real AWS provider asks for and moto 5.2 does not answer: one module for each service.

Each function closes one gap by replacing one method of moto, so that a newer moto that closes it itself needs one
deletion here.
"""

from __future__ import annotations

from functools import cache

from local.aws.gaps import activities, autoscaling, budgets, ec2, events, nodes, s3, security_groups, spot_prices, ssm

SERVICES = (autoscaling, activities, budgets, ec2, events, nodes, s3, security_groups, spot_prices, ssm)


@cache
def close_gaps() -> None:
    """Close all gaps; call before the first request. Later calls do nothing."""
    for service in SERVICES:
        service.close()
