"""Resources that exist before the first deployment are named, with the command that removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cfs.doctor.existing_resources import RecordedResources
from cfs.doctor.repository_checks import examine_repository
from infra.github.delivery import DELIVERY_BRANCH, delivered_files
from tests.unit.cfs.doctor.conftest import OWNER, REPOSITORY, RefusedCall

if TYPE_CHECKING:
    from cfs.doctor.findings import Finding
    from tests.unit.cfs.doctor.conftest import StandIn

FULL_NAME = f"{OWNER}/{REPOSITORY}"
NOTHING = RecordedResources(resources=[])
CUSTOM_BRANCHES = {"protected_branches": False, "custom_branch_policies": True}


def found(standin: StandIn, recorded: RecordedResources, **settings: object) -> list[Finding]:
    findings = examine_repository(standin.with_settings(**settings), recorded=recorded)
    return [finding for finding in findings if finding.check == "existing"]


def recorded_variable(name: str) -> dict[str, Any]:
    return {"type": "github:index/actionsVariable:ActionsVariable", "inputs": {"variableName": name}}


def test_variables_that_github_would_not_create_again_are_named_with_their_removal(standin: StandIn) -> None:
    environment = standin.target.settings.github_environment
    standin.repo("PUT", f"/environments/{environment}", {})
    places = {"/actions": "AWS_REGION", f"/environments/{environment}": "STATE_BUCKET"}
    for place, name in places.items():
        standin.repo("POST", f"{place}/variables", {"name": name, "value": "old"})
        with pytest.raises(RefusedCall, match="409"):
            standin.repo("POST", f"{place}/variables", {"name": name, "value": "new"})
    standin.repo("POST", "/actions/variables", {"name": "OTHER", "value": "not declared"})

    refused = [finding for finding in found(standin, NOTHING) if finding.verdict == "wrong"]

    assert [finding.repair for finding in refused] == [
        f"gh variable delete AWS_REGION --repo {FULL_NAME}",
        f"gh variable delete STATE_BUCKET --repo {FULL_NAME} --env {environment}",
    ]
    assert "'old'" in refused[0].message


def test_recorded_resources_are_no_findings_and_without_a_state_findings_are_only_doubtful(standin: StandIn) -> None:
    standin.repo("POST", "/actions/variables", {"name": "AWS_REGION", "value": "old"})

    assert found(standin, RecordedResources(resources=[recorded_variable("AWS_REGION")])) == []
    [finding] = found(standin, RecordedResources())
    assert finding.verdict == "doubtful"
    assert "state cannot be read" in finding.message


def test_an_environments_replaced_protection_and_refused_and_remaining_policies_are_named(standin: StandIn) -> None:
    environment = standin.target.settings.github_environment
    [branch, *_] = standin.target.settings.deployment_branches
    standin.repo("PUT", f"/environments/{environment}", {"wait_timer": 5, "deployment_branch_policy": CUSTOM_BRANCHES})
    place = f"/environments/{environment}/deployment-branch-policies"
    kept, stray = (standin.repo("POST", place, {"name": name})["id"] for name in (branch, "anything/*"))

    replaced, refused, left = found(standin, NOTHING)

    assert (replaced.verdict, refused.verdict, left.verdict) == ("doubtful", "wrong", "doubtful")
    assert "wait_timer, branch_policy" in replaced.message
    assert "anything/*" in left.message
    for finding, number in ((refused, kept), (left, stray)):
        assert finding.repair == f"gh api --method DELETE repos/{FULL_NAME}{place}/{number}"


def test_existing_files_are_named_and_an_open_pull_request_of_a_delivery_is_refused(standin: StandIn) -> None:
    path = next(iter(delivered_files()))
    standin.put_file(path, "name: of old\n", "Add a workflow")
    [finding] = found(standin, NOTHING)
    assert (finding.verdict, path in finding.message) == ("doubtful", True)

    sha = standin.repo("GET", "/git/ref/heads/main")["object"]["sha"]
    standin.repo("POST", "/git/refs", {"ref": f"refs/heads/{DELIVERY_BRANCH}", "sha": sha})
    standin.repo("PUT", "/contents/new", {"message": "new", "content": "", "branch": DELIVERY_BRANCH})
    standin.repo("POST", "/pulls", {"title": "Delivery", "head": DELIVERY_BRANCH, "base": "main"})
    [finding] = found(standin, NOTHING, workflow_delivery="pull-request")
    assert (finding.verdict, finding.repair) == ("wrong", f"gh pr close 1 --repo {FULL_NAME}")
