"""The doctor's verdict on a delivery agrees, for every rule, with what the stand-in does with its commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from githubkit_schemas.v2026_03_10 import models

from cfs.doctor.delivery_checks import judge_delivery
from cfs.doctor.github_client import GitHubClient
from infra.github.delivery import DELIVERY_BRANCH, delivered_files, delivery_message
from tests.unit.cfs.doctor.conftest import RefusedCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cfs.doctor.findings import Finding, Verdict
    from tests.unit.cfs.doctor.conftest import StandIn

A_FILE = next(iter(delivered_files()))
BY_REQUEST = "pulumi config set workflowDelivery pull-request"
ALWAYS = {"bypass_actors": [{"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "always"}]}
IN_REQUESTS = {"bypass_actors": [{"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "pull_request"}]}
EVERYWHERE = {"conditions": {"ref_name": {"include": ["~ALL"], "exclude": []}}}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A ruleset with one rule, and the verdicts on a delivery.

    Attributes:
        type: Type of the rule.
        parameters: Parameters of the rule.
        ruleset: Fields of the ruleset that differ from an active ruleset for the default branch.
        commit: Verdict on commits to the default branch.
        request: Verdict on a pull request.
    """

    type: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ruleset: Mapping[str, Any] = field(default_factory=dict)
    commit: Verdict = "good"
    request: Verdict = "good"


def pattern(operator: str, text: str, *, negate: bool = False) -> dict[str, object]:
    return {"operator": operator, "pattern": text, "negate": negate}


def checks(*names: str) -> dict[str, Any]:
    return {"required_status_checks": [{"context": name} for name in names]}


CASES = [
    Case(type="creation"),
    Case(type="creation", ruleset=EVERYWHERE, request="wrong"),
    Case(type="update", commit="wrong", request="wrong"),
    Case(type="update", commit="wrong", ruleset=IN_REQUESTS),
    Case(type="update", ruleset=ALWAYS),
    Case(type="deletion"),
    Case(type="required_linear_history"),
    Case(type="merge_queue", commit="wrong"),
    Case(type="required_deployments", commit="wrong"),
    Case(type="required_signatures", commit="wrong", request="doubtful"),
    Case(type="required_signatures", ruleset=EVERYWHERE, commit="wrong", request="wrong"),
    Case(type="pull_request", commit="wrong"),
    Case(type="pull_request", ruleset=IN_REQUESTS, commit="wrong"),
    Case(type="pull_request", ruleset=ALWAYS),
    Case(type="pull_request", ruleset={"enforcement": "evaluate"}),
    Case(type="pull_request", ruleset={"enforcement": "disabled"}),
    Case(type="required_status_checks", parameters=checks("build"), commit="wrong"),
    Case(type="required_status_checks", parameters=checks()),
    Case(type="non_fast_forward"),
    Case(type="commit_message_pattern", parameters=pattern("starts_with", "fix:"), commit="wrong"),
    Case(type="commit_message_pattern", parameters=pattern("regex", "^Update .* from")),
    Case(type="commit_message_pattern", parameters=pattern("contains", "from", negate=True), commit="wrong"),
    Case(type="commit_author_email_pattern", parameters=pattern("ends_with", ".com"), commit="doubtful"),
    Case(type="committer_email_pattern", parameters=pattern("ends_with", ".com"), commit="doubtful"),
    Case(type="branch_name_pattern", parameters=pattern("starts_with", "team/")),
    Case(
        type="branch_name_pattern",
        parameters=pattern("starts_with", "team/"),
        ruleset=EVERYWHERE,
        request="wrong",
    ),
    Case(type="tag_name_pattern", parameters=pattern("starts_with", "v")),
    Case(type="workflows", commit="wrong"),
    Case(type="code_scanning", commit="wrong"),
    Case(type="code_quality", commit="doubtful"),
    Case(type="code_coverage", commit="doubtful"),
    Case(type="copilot_code_review"),
    Case(type="license_compliance_scanning", commit="doubtful"),
    Case(
        type="file_path_restriction",
        parameters={"restricted_file_paths": [".github/**"]},
        ruleset={"target": "push"},
        commit="wrong",
        request="wrong",
    ),
    Case(type="file_path_restriction", parameters={"restricted_file_paths": ["*.yml"]}, ruleset={"target": "push"}),
    Case(type="max_file_path_length", parameters={"max_file_path_length": 10}, commit="wrong"),
    Case(type="max_file_path_length", parameters={"max_file_path_length": 200}),
    Case(
        type="file_extension_restriction",
        parameters={"restricted_file_extensions": ["*.yml"]},
        commit="wrong",
    ),
    Case(type="file_extension_restriction", parameters={"restricted_file_extensions": [".exe"]}),
    Case(type="max_file_size", parameters={"max_file_size": 1}),
]


def delivery_finding(standin: StandIn, method: str) -> Finding:
    """Return the delivery's finding, or that of the edited files if pull requests meet no objection."""
    target = standin.with_settings(workflow_delivery=method)
    repository = standin.repo("GET") | {"delete_branch_on_merge": True}
    with GitHubClient(token=target.token, base_url=target.base_url) as client:
        return next(judge_delivery(client, repository, target.settings, None))


def is_committed(standin: StandIn, path: str) -> bool:
    """Return whether the stand-in accepts a delivery's commit."""
    try:
        standin.put_file(path, "name: delivered\n", delivery_message(path))
        status = 201
    except RefusedCall as refused:
        status = refused.code
    return {201: True, 409: False}[status]


def is_merged(standin: StandIn) -> bool:
    """Return whether the stand-in merges a delivery's pull request."""
    sha = standin.repo("GET", "/git/ref/heads/main")["object"]["sha"]
    standin.store.state.repository.refs[f"refs/heads/{DELIVERY_BRANCH}"] = sha
    standin.put_file("new", "new", "new", branch=DELIVERY_BRANCH)
    standin.repo("POST", "/pulls", {"title": "Delivery", "head": DELIVERY_BRANCH, "base": "main"})
    try:
        return bool(standin.repo("PUT", "/pulls/1/merge")["merged"])
    except RefusedCall as refused:
        return {405: False}[refused.code]


def test_the_table_has_every_rule_that_github_shows_of_a_branch() -> None:
    known = {
        model.model_fields["type"].annotation.__args__[0]
        for number in range(25)
        if (model := getattr(models, f"RepositoryRuleDetailedOneof{number}"))
    }
    assert known == {case.type for case in CASES}
    assert not hasattr(models, "RepositoryRuleDetailedOneof25")


@pytest.mark.parametrize("case", CASES, ids=[f"{case.type} {case.parameters} {case.ruleset}" for case in CASES])
def test_a_rule_is_judged_as_it_is_enforced(standin: StandIn, case: Case) -> None:
    rule = {"type": case.type, "parameters": dict(case.parameters)}
    names = {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}
    ruleset = {"name": "rules", "enforcement": "active", "conditions": names, "rules": [rule], **case.ruleset}
    standin.repo("POST", "/rulesets", ruleset)

    commit, request = (delivery_finding(standin, method) for method in ("commit", "pull-request"))

    assert (commit.verdict, request.verdict) == (case.commit, case.request)
    if commit.verdict == "wrong":
        assert (commit.repair == BY_REQUEST) is (request.verdict != "wrong")
    if request.verdict != "wrong" or case.type == "update":
        assert is_merged(standin) is (request.verdict != "wrong")
    if commit.verdict != "doubtful":
        assert is_committed(standin, A_FILE) is (commit.verdict == "good")


PROTECTION: dict[str, Any] = {
    "required_status_checks": None,
    "enforce_admins": True,
    "required_pull_request_reviews": None,
    "restrictions": None,
}


@pytest.mark.parametrize(
    "change, signatures, commit, request_verdict",
    [
        ({}, "", "good", "good"),
        ({"required_pull_request_reviews": {}}, "", "wrong", "good"),
        ({"required_pull_request_reviews": {}, "enforce_admins": False}, "", "good", "good"),
        ({"required_status_checks": {"strict": True, "contexts": ["build"]}}, "", "wrong", "good"),
        ({"required_status_checks": {"strict": True, "contexts": []}}, "", "good", "good"),
        # Restrictions on who may push never bind administrators.
        ({"restrictions": {"users": [], "teams": [], "apps": []}}, "", "good", "good"),
        ({"lock_branch": True}, "", "wrong", "wrong"),
        ({"required_linear_history": True, "allow_force_pushes": False}, "", "good", "good"),
        ({}, "/required_signatures", "wrong", "doubtful"),
        ({"enforce_admins": False}, "/required_signatures", "good", "good"),
    ],
    ids=str,
)
def test_a_protection_is_judged_as_it_is_enforced(
    standin: StandIn, change: dict[str, Any], signatures: str, commit: Verdict, request_verdict: Verdict
) -> None:
    standin.repo("PUT", "/branches/main/protection", {**PROTECTION, **change})
    if signatures:
        standin.repo("POST", f"/branches/main/protection{signatures}")

    assert delivery_finding(standin, "commit").verdict == commit
    assert delivery_finding(standin, "pull-request").verdict == request_verdict
    assert is_committed(standin, A_FILE) is (commit == "good")


def test_the_stand_in_enforces_rules_on_creating_and_force_pushing_branches(standin: StandIn) -> None:
    rules = [{"type": "creation"}, {"type": "deletion"}, {"type": "non_fast_forward"}]
    standin.repo("POST", "/rulesets", {"name": "rules", "enforcement": "active", "rules": rules, **EVERYWHERE})
    sha = standin.repo("GET", "/git/ref/heads/main")["object"]["sha"]

    with pytest.raises(RefusedCall, match="422"):
        standin.repo("POST", "/git/refs", {"ref": f"refs/heads/{DELIVERY_BRANCH}", "sha": sha})
    standin.put_file(A_FILE, "name: delivered\n", "a commit")
    with pytest.raises(RefusedCall, match="422"):
        standin.repo("PATCH", "/git/refs/heads/main", {"sha": sha, "force": True})
