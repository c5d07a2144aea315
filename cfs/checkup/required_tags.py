"""Checks whether the stack's resources in EC2 still have their tags, which rights, costs and scripts depend on."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from cfs.doctor.findings import good_finding, wrong_finding
from infra.tags import REQUIRED_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

CHECK = "tags"

_EC2_ID = re.compile(r"[a-z]+-[0-9a-f]{8,}")
_MOST_FILTERED = 200
"""Most values of a filter: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html"""


def examine_required_tags(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare the required tags in the state with those in EC2, by one call for all resources."""
    declared = {
        found["id"]: found["inputs"]["tags"]
        for found in facts.stack.resources
        if _EC2_ID.fullmatch(found.get("id") or "") and (found.get("inputs") or {}).get("tags")
    }
    actual: dict[str, dict[str, str]] = defaultdict(dict)
    resources = sorted(declared)
    for start in range(0, len(resources), _MOST_FILTERED):
        filters = [{"Name": "resource-id", "Values": resources[start:][:_MOST_FILTERED]}]
        for tag in facts.aws.list_items("ec2", "describe_tags", "Tags", Filters=filters):
            actual[tag["ResourceId"]][tag["Key"]] = tag["Value"]
    found = [
        _lost_tags_finding(facts, resource, lost, is_bare=not actual[resource])
        for resource, tags in declared.items()
        if (lost := missing_tags(tags, actual[resource]))
    ]
    if declared and not found:
        yield good_finding(CHECK, f"{len(declared)} resources in EC2 have the required tags.")
    yield from found


def missing_tags(declared: Mapping[str, str], actual: Mapping[str, str]) -> dict[str, str]:
    """Return the required tags that a resource lacks or that have another value."""
    return {key: declared[key] for key in REQUIRED_TAGS if key in declared and actual.get(key) != declared[key]}


def _lost_tags_finding(facts: EnvironmentFacts, resource: str, lost: Mapping[str, str], *, is_bare: bool) -> Finding:
    if is_bare:
        said = f"{resource} is deleted, or has lost all its tags."
        return wrong_finding(CHECK, said, repair=facts.environment.redeploy_command)
    tags = " ".join(f"Key={key},Value={value}" for key, value in lost.items())
    return wrong_finding(
        CHECK,
        f"{resource} lacks the tags {', '.join(lost)}.",
        repair=f"aws ec2 create-tags --resources {resource} --tags {tags} {facts.region_option}",
    )
