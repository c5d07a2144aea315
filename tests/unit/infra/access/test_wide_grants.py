"""cloudsplaining, an independent scanner, finds no grant of the stack's policies that is not limited to resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudsplaining.scan.policy_document import PolicyDocument

from tests.unit.infra.test_components import deploy

if TYPE_CHECKING:
    from collections.abc import Iterator

RISKS = (
    "allows_privilege_escalation",
    "permissions_management_without_constraints",
    "credentials_exposure",
    "allows_data_exfiltration_actions",
    "service_wildcard",
)
"""cloudsplaining's names of privilege escalation, resource exposure, credentials, exfiltration and wildcards."""

WIDE: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iam:PutRolePolicy", "s3:GetObject"], "Resource": "*"}],
}


def scan_policy(document: dict[str, Any]) -> dict[str, Any]:
    """Return the findings; conditions do not count as limits, as they may name what any caller can set."""
    scanned = PolicyDocument(document, flag_conditional_statements=True)
    return {risk: found for risk in RISKS if (found := getattr(scanned, risk))}


def declared_policies() -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in deploy(egress="nat", orchestratorHours="weekdays", managesRepository="true").custom:
        if resource.type in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"):
            yield resource.name, resource.document()


def test_no_policy_of_the_stack_has_a_finding() -> None:
    found = {name: scan_policy(document) for name, document in declared_policies()}

    assert len(found) > 15
    assert {name: findings for name, findings in found.items() if findings} == {}


def test_the_scanner_finds_escalation_exposure_and_exfiltration_in_a_wide_policy() -> None:
    assert scan_policy(WIDE).keys() == set(RISKS[:2]) | {"allows_data_exfiltration_actions"}
