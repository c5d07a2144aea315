"""Checks whether AWS counts costs by the tags that tell an environment's resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.aws import AwsError
from cfs.doctor.findings import Finding, doubtful_finding, good_finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.aws import AwsAccount

COST_TAGS = ("Environment", "project")
"""Tags by which the anomaly monitor and bills tell an environment's costs."""

_ACTIVATION = "aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey={},Status=Active"


def examine_cost_tags(aws: AwsAccount) -> list[Finding]:
    """Return a finding for each tag.

    The stack cannot activate them: AWS refuses a tag that it has not billed yet, and answers the management account
    of an organization alone (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html).
    """
    try:
        listed = aws.list_items("ce", "list_cost_allocation_tags", "CostAllocationTags", TagKeys=list(COST_TAGS))
        status = {tag["TagKey"]: tag["Status"] for tag in listed}
    except AwsError as error:
        if not error.code.startswith("AccessDenied"):
            raise
        return [
            doubtful_finding(
                "cost allocation tags",
                "You may not read them. In an organization only the management account may.",
                repair=f"ask who has the management account to activate {' and '.join(COST_TAGS)}",
            )
        ]
    return list(_tag_findings(status))


def _tag_findings(status: dict[str, str]) -> Iterator[Finding]:
    for tag in COST_TAGS:
        check = f"cost allocation tag {tag}"
        if status.get(tag) == "Active":
            yield good_finding(check, "AWS counts costs by it.")
        elif tag in status:
            yield doubtful_finding(
                check, "It is not active: bills and the anomaly monitor leave it out.", repair=_ACTIVATION.format(tag)
            )
        else:
            yield doubtful_finding(
                check,
                "AWS has not billed anything with it yet, which takes a day after the first deployment.",
                repair=f"a day after the first deployment: {_ACTIVATION.format(tag)}",
            )
