"""Finds changes to the rights of jobs. AWS denies them to jobs; an administrator makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.previews.changes import changing_steps
from infra.access.rights.operator_actions import OPERATOR_ACTIONS
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
"""Types of a role and its policies, with the input that names the role."""
_TRUST_INPUT = "assumeRolePolicy"
"""Input with a role's trust policy."""


def refuse_operator_changes(preview: Mapping[str, Any], *, stack: str) -> list[str]:
    """Return the refusal of a preview that a job must not apply, or nothing."""
    refused = [
        f"{step['op']} {step['urn'].rpartition('::')[2]}"
        for step in changing_steps(preview)
        if _is_for_operators(step, stack=stack)
    ]
    if not refused:
        return []
    refusal = (
        f"AWS does not let a job change its own rights: {', '.join(refused)}. An administrator of the account must "
        f"deploy this commit by hand: pulumi up --stack {stack}."
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
