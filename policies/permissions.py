"""Rules about IAM policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policies.model import CheckedResource

_DOCUMENTS = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
"""The property with the policy document, by type. A key's own policy is excluded: AWS requires `kms:*` of the account
in it, or nobody could change the policy (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)."""


def find_wide_actions(resource: CheckedResource) -> Iterator[str]:
    """Yield wildcards among allowed actions."""
    for statement in _allow_statements(resource):
        wide = [action for action in _list_texts(statement.get("Action")) if "*" in action]
        if "NotAction" in statement:
            wide.append("NotAction")
        if wide:
            yield f"Its statement {statement.get('Sid', 'without Sid')} allows {', '.join(wide)}."


def find_free_role_passing(resource: CheckedResource) -> Iterator[str]:
    """Yield permissions to pass a role to any service."""
    for statement in _allow_statements(resource):
        passes = any(
            action.lower() in ("iam:passrole", "iam:*", "*") for action in _list_texts(statement.get("Action"))
        )
        # A negated operator, or one that accepts a missing key, would limit nothing.
        if passes and not any(
            "iam:PassedToService" in keys and operator in ("StringEquals", "StringLike", "ForAllValues:StringEquals")
            for operator, keys in (statement.get("Condition") or {}).items()
        ):
            yield f"Its statement {statement.get('Sid', 'without Sid')} passes roles to any service."


def _allow_statements(resource: CheckedResource) -> Iterator[Mapping[str, Any]]:
    document = _DOCUMENTS.get(resource.type)
    if document is not None:
        yield from (each for each in resource.policy_statements(document) if each.get("Effect") == "Allow")


def _list_texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
