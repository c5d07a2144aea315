"""Rules of IAM, KMS and resource policies: sizes, and policies that lock their owner out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from local.aws.api_rules.rule import ApiRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.aws.api_rules.rule import Parameters

MOST_INLINE_CHARACTERS = 10240
MOST_MANAGED_CHARACTERS = 6144
MOST_TRUST_CHARACTERS = 2048
"""IAM's default quota; white space is not counted."""

MOST_KEY_POLICY_BYTES = 32768
MOST_BUCKET_POLICY_BYTES = 20480
_VERSIONS = ("2012-10-17", "2008-10-17")
_SID = re.compile(r"[A-Za-z0-9]*")
_QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_GRAMMAR = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"


def count_policy_characters(policy: str) -> int:
    """Return a policy's size as IAM counts it, without white space."""
    return len(re.sub(r"\s", "", policy))


def _count_bytes(policy: str) -> int:
    return len(policy.encode())


def _policy_size(
    *members: str, most: int, message: str, measure: Callable[[str], int] = count_policy_characters
) -> Callable[[Parameters], str]:
    """Return a check of the size of the policy in the first of the given parameters that a request has."""

    def find_fault(parameters: Parameters) -> str:
        policy = next(filter(None, map(parameters.get, members)), "")
        return message if measure(policy) > most else ""

    return find_fault


def _policy_grammar(member: str, *, principals: bool) -> Callable[[Parameters], str]:
    """Return a check of a policy's grammar.

    Args:
        member: The parameter with the policy.
        principals: Whether statements name principals: those of resource policies do, those of identities may not.
    """

    def find_fault(parameters: Parameters) -> str:
        try:
            policy = json.loads(parameters.get(member) or "")
        except ValueError:
            return "Syntax errors in policy."
        return _grammar_fault(policy, principals=principals)

    return find_fault


def _grammar_fault(policy: Any, *, principals: bool) -> str:
    if not isinstance(policy, dict) or policy.get("Version", _VERSIONS[0]) not in _VERSIONS:
        return "Syntax errors in policy."
    statements = list(policy_statements(policy))
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(set(sids)) < len(sids):
        return "Statement IDs (SID) in a single policy must be unique."
    if not statements:
        return "Policy statement must exist."
    return next(filter(None, (_statement_fault(of, principals=principals) for of in statements)), "")


def _statement_fault(statement: dict[str, Any], *, principals: bool) -> str:
    named = "Principal" in statement or "NotPrincipal" in statement
    faults = {
        "Syntax errors in policy.": statement.get("Effect") not in ("Allow", "Deny"),
        "Policy statement must contain actions.": not ("Action" in statement) ^ ("NotAction" in statement),
        "Missing required field Principal": principals and not named,
        "Policy document should not specify a principal.": named and not principals,
        "Policy statement must contain resources.": not ("Resource" in statement) ^ ("NotResource" in statement),
    }
    return next((message for message, found in faults.items() if found), "")


def policy_statements(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a policy's statements; a single one need not be in a list."""
    found = policy.get("Statement") or []
    yield from [found] if isinstance(found, dict) else found


def _find_bad_statement_id(parameters: Parameters) -> str:
    policy = json.loads(parameters.get("PolicyDocument") or "{}")
    wrong = [str(of["Sid"]) for of in policy_statements(policy) if not _SID.fullmatch(str(of.get("Sid", "")))]
    if not wrong:
        return ""
    return (
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression"
        f" [0-9A-Za-z]*: {wrong[0]}"
    )


def _find_key_lockout(parameters: Parameters) -> str:
    """Find a key policy that lets nobody of the account change it; KMS's own check is for the caller."""
    given = parameters.get("Policy")
    if not given or parameters.get("BypassPolicyLockoutSafetyCheck"):
        return ""
    try:
        statements = list(policy_statements(json.loads(given)))
    except ValueError:
        return "Syntax errors in policy."
    allowed = [of for of in statements if of.get("Effect") == "Allow" and _grants_policy_change(of.get("Action", ()))]
    if any("Service" not in of.get("Principal", {}) or "AWS" in of.get("Principal", {}) for of in allowed):
        return ""
    return "The new key policy will not allow you to update the key policy in the future."


def _grants_policy_change(actions: Any) -> bool:
    named = [actions] if isinstance(actions, str) else actions
    return any(action.lower() in ("*", "kms:*", "kms:put*", "kms:putkeypolicy") for action in named)


_IDENTITY_POLICIES = ("iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:PutRolePolicy")
ACCESS_RULES = (
    ApiRule(
        name="a role's inline policy has at most 10,240 characters",
        operations=("iam:PutRolePolicy",),
        code="LimitExceeded",
        find_fault=_policy_size(
            "PolicyDocument",
            most=MOST_INLINE_CHARACTERS,
            message=f"Maximum policy size of {MOST_INLINE_CHARACTERS} bytes exceeded for role",
        ),
        source=_QUOTAS,
    ),
    ApiRule(
        name="a managed policy has at most 6,144 characters",
        operations=("iam:CreatePolicy", "iam:CreatePolicyVersion"),
        code="LimitExceeded",
        find_fault=_policy_size(
            "PolicyDocument",
            most=MOST_MANAGED_CHARACTERS,
            message=f"Cannot exceed quota for PolicySize: {MOST_MANAGED_CHARACTERS}",
        ),
        source=_QUOTAS,
    ),
    ApiRule(
        name="a trust policy has at most 2,048 characters",
        operations=("iam:CreateRole", "iam:UpdateAssumeRolePolicy"),
        code="LimitExceeded",
        find_fault=_policy_size(
            "AssumeRolePolicyDocument",
            "PolicyDocument",
            most=MOST_TRUST_CHARACTERS,
            message=f"Cannot exceed quota for ACLSizePerRole: {MOST_TRUST_CHARACTERS}",
        ),
        source=_QUOTAS,
    ),
    ApiRule(
        name="identity policies follow the grammar, and name no principal",
        operations=_IDENTITY_POLICIES,
        code="MalformedPolicyDocument",
        find_fault=_policy_grammar("PolicyDocument", principals=False),
        source=_GRAMMAR,
    ),
    ApiRule(
        name="statement IDs of identity policies are alphanumeric",
        operations=_IDENTITY_POLICIES,
        code="MalformedPolicyDocument",
        find_fault=_find_bad_statement_id,
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html",
    ),
    ApiRule(
        name="bucket policies follow the grammar, and name principals",
        operations=("s3:PutBucketPolicy",),
        code="MalformedPolicy",
        find_fault=_policy_grammar("Policy", principals=True),
        source=_GRAMMAR,
    ),
    ApiRule(
        name="a bucket policy has at most 20 KiB",
        operations=("s3:PutBucketPolicy",),
        code="MalformedPolicy",
        find_fault=_policy_size(
            "Policy",
            most=MOST_BUCKET_POLICY_BYTES,
            message="Policies must be valid JSON and the first byte must be '{', with at most 20 KB",
            measure=_count_bytes,
        ),
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html",
    ),
    ApiRule(
        name="a key policy lets the account change it",
        operations=("kms:CreateKey", "kms:PutKeyPolicy"),
        code="MalformedPolicyDocumentException",
        find_fault=_find_key_lockout,
        source="https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    ),
    ApiRule(
        name="a key policy has at most 32 KiB",
        operations=("kms:CreateKey", "kms:PutKeyPolicy"),
        code="LimitExceededException",
        find_fault=_policy_size(
            "Policy",
            most=MOST_KEY_POLICY_BYTES,
            message=f"The key policy exceeds the maximum size of {MOST_KEY_POLICY_BYTES} bytes",
            measure=_count_bytes,
        ),
        source="https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html",
    ),
)
