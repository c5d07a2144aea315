"""IAM: the search for the account of an access key."""

from __future__ import annotations

from moto.iam import models


def close_iam_gaps() -> None:
    """Search for access keys in AWS's main partition.

    For each request, moto searches all six, and creates them with 1,500 AWS managed policies each.
    """
    models.PARTITION_NAMES = ["aws"]
