"""Changes that AWS would refuse to a job: what jobs may do is decided by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.previews.changes import changing_steps
from infra.access.rights.iam import OPERATOR_ACTIONS
from infra.access.role_purposes import PASSED_ROLES
from infra.naming import IAM_ROLE, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPERATOR_ACTIONS = frozenset(map(str.casefold, OPERATOR_ACTIONS))
_ROLE_NAME_INPUTS = {
    "aws:iam/role:Role": "name",
    "aws:iam/rolePolicy:RolePolicy": "role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role",
}
"""Types that belong to a role, with the input that names it."""
_TRUST_INPUT = "assumeRolePolicy"
"""The input that says who may assume a role."""


def refuse_operator_changes(preview: Mapping[str, Any], *, stack: str) -> list[str]:
    """Return why a job must not apply what a preview has found. Empty where it may.

    Args:
        preview: What the engine has found, as JSON.
        stack: The stack's name.
    """
    refused = [
        f"{step['op']} {step['urn'].rpartition('::')[2]}"
        for step in changing_steps(preview)
        if _is_for_operators(step, stack=stack)
    ]
    if not refused:
        return []
    refusal = (
        f"AWS lets no job change its own rights: {', '.join(refused)}. An administrator of the account deploys this "
        f"commit by hand: pulumi up --stack {stack}."
    )
    return [refusal]


def _is_for_operators(step: Mapping[str, Any], *, stack: str) -> bool:
    state = step.get("newState") or step["oldState"]
    service, _, name = state["type"].rpartition(":")
    if service.startswith("aws:iam/") and f"iam:create{name.casefold()}" in _OPERATOR_ACTIONS:
        return True
    before, after = (step.get(name, {}).get("inputs", {}) for name in ("oldState", "newState"))
    if step["op"] == "update" and before.get(_TRUST_INPUT) != after.get(_TRUST_INPUT):
        return True
    role_input = _ROLE_NAME_INPUTS.get(state["type"])
    own = {physical_name(IAM_ROLE, PROJECT_NAME, stack, purpose) for purpose in PASSED_ROLES}
    return role_input is not None and state["inputs"].get(role_input) not in own
