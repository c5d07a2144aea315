"""Actions on IAM that only people may perform."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATOR_ACTIONS: Mapping[str, str] = dict.fromkeys(
    (
        "iam:CreateOpenIDConnectProvider",
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeleteOpenIDConnectProvider",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:TagOpenIDConnectProvider",
        "iam:TagPolicy",
        "iam:UpdateAssumeRolePolicy",
    ),
    "people decide what jobs may do, not jobs",
)
"""Actions that a deployment of the stack calls but jobs may not, with the reason."""
