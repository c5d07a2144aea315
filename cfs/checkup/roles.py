"""Checks whether the deployed roles are as the stack declared them."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from cfs.aws import AwsError
from cfs.checkup.required_tags import missing_tags
from cfs.doctor.findings import good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

ROLE_TYPE = "aws:iam/role:Role"


def examine_roles(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare each recorded role with the account's."""
    found: list[Finding] = []
    roles = list(facts.stack.list_recorded(ROLE_TYPE))
    for role in roles:
        try:
            actual = facts.aws.call_operation("iam", "get_role", RoleName=role["id"])["Role"]
        except AwsError as error:
            if error.code not in ("NoSuchEntity", "NoSuchEntityException"):
                raise
            actual = None
        found += judge_role(role, actual, redeploy=facts.environment.redeploy_command)
    if roles and not found:
        yield good_finding("roles", f"{len(roles)} roles have the declared boundary, trust and tags.")
    yield from found


def judge_role(role: Mapping[str, Any], actual: Mapping[str, Any] | None, *, redeploy: str) -> Iterator[Finding]:
    """Judge a role.

    Args:
        role: The role in the stack's state.
        actual: The role as IAM describes it; None if there is no such role.
        redeploy: Command that restores what was changed outside Pulumi.
    """
    name, inputs = role["id"], role["inputs"]
    if actual is None:
        yield wrong_finding("roles", f"The role {name} is deleted.", repair=redeploy)
        return
    declared = inputs.get("permissionsBoundary")
    if declared and actual.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") != declared:
        yield wrong_finding(
            "roles",
            f"The role {name} has not its permissions boundary.",
            repair=f"aws iam put-role-permissions-boundary --role-name {name} --permissions-boundary {declared}",
        )
    if not is_same_policy(json.loads(inputs["assumeRolePolicy"]), actual["AssumeRolePolicyDocument"]):
        document = json.dumps(json.loads(inputs["assumeRolePolicy"]), separators=(",", ":"))
        yield wrong_finding(
            "roles",
            f"The role {name} trusts others than declared.",
            repair=f"aws iam update-assume-role-policy --role-name {name} --policy-document {shlex.quote(document)}",
        )
    lost = missing_tags(inputs.get("tags") or {}, {tag["Key"]: tag["Value"] for tag in actual.get("Tags") or ()})
    if lost:
        tags = " ".join(f"Key={key},Value={value}" for key, value in lost.items())
        yield wrong_finding(
            "roles",
            f"The role {name} lacks the tags {', '.join(lost)}.",
            repair=f"aws iam tag-role --role-name {name} --tags {tags}",
        )


def is_same_policy(one: object, other: object) -> bool:
    """Return whether two policies mean the same: IAM reorders lists, and a list of one may be its only item."""
    return _canonical_policy(one) == _canonical_policy(other)


def _canonical_policy(part: object) -> str:
    if isinstance(part, dict):
        return json.dumps({key: _canonical_policy(value) for key, value in part.items()}, sort_keys=True)
    if isinstance(part, list):
        items = sorted(map(_canonical_policy, part))
        return items[0] if len(items) == 1 else json.dumps(items)
    return json.dumps(part)
