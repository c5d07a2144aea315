"""A job neither offers for approval nor applies changes that only an administrator may make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy.operator_changes import refuse_operator_changes
from cfs.deploy.reviewed_apply import WantedDeployment, preview_for_review
from tests.unit.cfs.deploy.pulumi_stand_in import show

if TYPE_CHECKING:
    from pathlib import Path


def step(type_token: str, *, op: str = "update", **inputs: str) -> dict[str, Any]:
    state = {"type": type_token, "inputs": inputs}
    states = {"oldState": state} if op == "delete" else {"newState": state}
    return {"op": op, "urn": f"urn:pulumi:prod::claudefs-infra::{type_token}::it", **states}


ROLE, ATTACHMENT = "aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
FOR_OPERATORS = [
    step("aws:iam/policy:Policy", name="claudefs-prod-boundary"),
    step("aws:iam/openIdConnectProvider:OpenIdConnectProvider"),
    step(ROLE, name="claudefs-prod-deploy"),
    step(ROLE, name="claudefs-prod-deploy", op="delete"),
    step(ATTACHMENT, role="claudefs-prod-preview", op="create"),
    {
        **step(ROLE, name="claudefs-prod-node", assumeRolePolicy="new"),
        "oldState": {"type": ROLE, "inputs": {"name": "claudefs-prod-node", "assumeRolePolicy": "old"}},
    },
    # A role whose name is not known yet may be any role.
    step(ATTACHMENT, op="create"),
]
FOR_JOBS = [
    step(ROLE, name="claudefs-prod-node"),
    step(ROLE, name="claudefs-prod-node", assumeRolePolicy="new", op="create"),
    step("aws:iam/rolePolicy:RolePolicy", role="claudefs-prod-orchestrator"),
    step("aws:iam/instanceProfile:InstanceProfile", name="claudefs-prod-node"),
    step(ROLE, name="claudefs-prod-deploy", op="same"),
    step("aws:sns/topic:Topic", name="alerts"),
]


@pytest.mark.parametrize("change", FOR_OPERATORS)
def test_a_change_to_the_rights_of_jobs_is_reserved_for_an_administrator(change: dict[str, Any]) -> None:
    [refusal] = refuse_operator_changes({"steps": [*FOR_JOBS, change]}, stack="prod")
    assert f": {change['op']} it. " in refusal
    assert "pulumi up --stack prod" in refusal


def test_a_job_may_change_the_roles_of_machines_and_all_other_resources() -> None:
    assert refuse_operator_changes({"steps": FOR_JOBS}, stack="prod") == []


@pytest.mark.parametrize("is_job", [True, False])
def test_only_a_person_gets_a_digest_of_such_a_change_to_approve(
    pulumi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_job: bool
) -> None:
    for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"):
        monkeypatch.setenv(f"GITHUB_{name}", "7" if is_job else "")
    show(pulumi, {"steps": FOR_OPERATORS})
    wanted = WantedDeployment(environment="prod", cluster_size=None, commit="c" * 40)
    result = preview_for_review(wanted, file=tmp_path / "review.json")
    assert ("digest" in result.job_outputs) is not is_job
    assert ("AWS does not let a job change its own rights" in result.text) is is_job
