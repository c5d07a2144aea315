"""`cfs doctor github` against the stand-in: one clear message for everything that can be wrong on GitHub."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cfs.doctor import tokens
from cfs.doctor.existing_resources import RecordedResources
from cfs.doctor.findings import Finding, Verdict, findings_report, raise_wrong_findings
from cfs.doctor.github_client import GitHubClient
from cfs.doctor.github_target import GITHUB_API_URL, GitHubTarget, read_github_target
from cfs.doctor.repository_checks import examine_repository, run_preflight
from infra.config.settings import Settings
from infra.github.delivery import delivered_files
from infra.naming import LOCAL_STACK
from infra.project import PROJECT_FOLDER
from local.servers import LOOPBACK
from terminal.errors import UserError
from tests.unit.cfs.doctor.conftest import CLASSIC, OWNER, REPOSITORY, StandIn, wrong

if TYPE_CHECKING:
    from pathlib import Path

FINE_GRAINED = "github" + "_pat_" + "f" * 36
AGAIN = "cfs local up"
A_FILE = next(iter(delivered_files()))


def the_fault(target: GitHubTarget, **options: Any) -> Finding:
    [fault] = wrong(examine_repository(target, **options))
    return fault


def test_a_new_repository_and_a_classic_token_with_its_scopes_are_good(standin: StandIn) -> None:
    findings = examine_repository(standin.target)

    assert {finding.verdict for finding in findings} == {"good"}
    assert {finding.check for finding in findings} == {
        "repository",
        "token",
        "plan",
        "actions",
        "subject",
        "delivery",
        "workflow files",
    }


TAGGED = "steps: [{uses: actions/checkout@v4}, {uses: ./own}, {run: 'true'}]"


def test_workflows_that_the_stack_would_break_are_listed_beforehand(standin: StandIn) -> None:
    standin.repo("PUT", "/actions/permissions/workflow", {"default_workflow_permissions": "write"})
    standin.put_file(".github/workflows/old.yml", f"jobs: {{a: {{{TAGGED}}}}}", "old")
    standin.put_file(".github/workflows/good.yml", "permissions: {}\njobs: {a: {uses: $/.github/b.yml}}", "good")
    standin.put_file(".github/actions/own/action.yml", f"runs: {{using: composite, {TAGGED}}}", "own")
    pinned, limited = [of for of in examine_repository(standin.target) if of.check == "other workflows"]

    assert (pinned.verdict, limited.verdict) == ("doubtful", "doubtful")
    assert ".github/workflows/old.yml: actions/checkout@v4" in pinned.message
    assert ".github/actions/own/action.yml: actions/checkout@v4" in pinned.message
    assert "good.yml" not in pinned.message + limited.message
    assert limited.message.endswith(": .github/workflows/old.yml.")

    standin.repo("PUT", "/actions/permissions/workflow", {"default_workflow_permissions": "read"})
    standin.repo("PUT", "/actions/permissions", {"enabled": True, "sha_pinning_required": True})
    [after] = [of for of in examine_repository(standin.target) if of.check == "other workflows"]
    assert after.verdict == "good"


@pytest.mark.parametrize("named, verdict", [(f"{OWNER}/{REPOSITORY}", "good"), (f"{OWNER}/other", "wrong")])
def test_jobs_must_be_able_to_check_out_this_project(standin: StandIn, named: str, verdict: str) -> None:
    standin.repo("POST", "/actions/variables", {"name": "INFRA_REPOSITORY", "value": named})
    [found] = [of for of in examine_repository(standin.target) if of.check == "infrastructure"]
    assert found.verdict == verdict
    assert named in found.message


@pytest.mark.parametrize("verdict, code", [("good", 0), ("doubtful", 0), ("wrong", 1)])
def test_the_command_fails_if_something_is_wrong(verdict: Verdict, code: int) -> None:
    found = Finding(check="plan", verdict=verdict, message="")
    assert findings_report([found], title="").exit_code == code


def test_a_missing_workflow_scope_is_named_with_the_page_and_the_command(standin: StandIn) -> None:
    standin.fault("missing-workflow-scope")

    with pytest.raises(UserError) as refused:
        run_preflight(standin.target, recorded=[], retry_command=AGAIN)

    assert "lacks the scope `workflow`" in refused.value.problem
    assert tokens.TOKENS_PAGE in refused.value.repair
    assert refused.value.repair.endswith("then run `cfs local up` again")


def test_a_stack_that_delivers_no_workflows_needs_no_workflow_scope(standin: StandIn) -> None:
    standin.fault("missing-workflow-scope")

    assert wrong(examine_repository(standin.with_settings(manages_repository=False))) == []


@pytest.mark.parametrize("kind", [tokens.TokenKind.FINE_GRAINED, tokens.TokenKind.APP, tokens.TokenKind.UNKNOWN])
def test_a_token_that_shows_no_scopes_is_doubtful_with_what_it_needs(kind: tokens.TokenKind) -> None:
    [finding] = tokens.judge_scopes(kind, [], delivers_workflows=True)

    assert finding.verdict == "doubtful"
    assert "Workflows" in finding.repair


@pytest.mark.parametrize(
    "token, kind",
    [
        (CLASSIC, tokens.TokenKind.CLASSIC),
        (FINE_GRAINED, tokens.TokenKind.FINE_GRAINED),
        ("gho_x", tokens.TokenKind.OAUTH),
        ("ghs_x", tokens.TokenKind.APP),
        ("ghu_x", tokens.TokenKind.APP),
        ("something", tokens.TokenKind.UNKNOWN),
    ],
)
def test_a_tokens_kind_is_recognized_by_its_prefix(token: str, kind: tokens.TokenKind) -> None:
    assert tokens.token_kind(token) is kind


def test_a_missing_repo_scope_is_named() -> None:
    [finding] = tokens.judge_scopes(tokens.TokenKind.CLASSIC, ["workflow", "public_repo"], delivers_workflows=True)

    assert "lacks the scope `repo`" in finding.message


def test_a_missing_repository_or_owner_is_named_with_the_resources_a_refresh_would_drop(standin: StandIn) -> None:
    standin.fault("missing-repository")
    fault = the_fault(standin.target, recorded=RecordedResources(resources=[{}, {}]))
    assert fault.check == "repository"
    assert "drop 2 resources from the state" in fault.message

    standin.call("DELETE", "/_control/faults")
    standin.fault("missing-owner")
    assert the_fault(standin.target).check == "owner"


@pytest.mark.parametrize(
    "fault, options, said",
    [
        ("bad-credentials", {}, "does not accept the token"),
        ("primary-rate-limit", {"seconds": 120}, "accepts no more requests with this token until"),
        ("primary-rate-limit", {"seconds": 120, "status": 429}, "accepts no more requests with this token until"),
        ("rate-limit-reached", {"seconds": 90}, "accepts no more requests with this token until"),
        ("secondary-rate-limit", {"seconds": 90}, "accepts no more requests with this token until"),
        ("server-error", {"status": 500}, "answered 500, 3 times in a row"),
        ("server-error", {"status": 503}, "answered 503, 3 times in a row"),
    ],
)
def test_every_failure_of_github_is_one_message_with_a_repair(
    standin: StandIn, fault: str, options: dict[str, object], said: str
) -> None:
    standin.fault(fault, **options)
    began = time.monotonic()

    with pytest.raises(UserError) as refused:
        examine_repository(standin.target)

    assert said in refused.value.problem
    assert refused.value.repair
    assert CLASSIC not in str(refused.value)
    assert time.monotonic() - began < 10


def test_a_temporary_error_is_retried(standin: StandIn) -> None:
    standin.fault("server-error", requests=2)

    assert wrong(examine_repository(standin.target)) == []


def test_a_github_that_does_not_answer_is_reported_after_the_time_out(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cfs.doctor.github_client.GITHUB_TIMEOUT_SECONDS", 0.2)

    with socket.create_server((LOOPBACK, 0)) as silent, pytest.raises(UserError, match="did not answer within"):
        examine_repository(replace(standin.target, base_url=f"http://{LOOPBACK}:{silent.getsockname()[1]}/"))


def test_an_unreachable_github_is_one_message() -> None:
    nobody = GitHubClient(token=CLASSIC, base_url="http://127.0.0.1:1/")

    with pytest.raises(UserError, match="cannot be reached"):
        nobody.get_json("user")


def test_the_form_of_the_subject_is_compared_with_the_one_that_roles_trust(standin: StandIn) -> None:
    standin.repo("PUT", "/actions/oidc/customization/sub", {"use_default": True, "use_immutable_subject": False})
    fault = the_fault(standin.target)
    assert (fault.check, fault.repair) == ("subject", "pulumi config rm claudefs-infra:githubSubject")

    standin.repo("PUT", "/actions/oidc/customization/sub", {"use_default": True, "use_immutable_subject": True})
    fault = the_fault(standin.with_settings(github_subject=""))
    assert fault.repair == f"pulumi config set githubSubject repo:{OWNER}@1000/{REPOSITORY}@1001"


def test_a_subject_of_other_claims_is_refused(standin: StandIn) -> None:
    standin.repo(
        "PUT", "/actions/oidc/customization/sub", {"use_default": False, "include_claim_keys": ["repo", "actor"]}
    )

    assert "consists of ['repo', 'actor']" in the_fault(standin.target).message


def test_disabled_actions_are_reported(standin: StandIn) -> None:
    standin.repo("PUT", "/actions/permissions", {"enabled": False})

    [finding] = [finding for finding in examine_repository(standin.target) if finding.check == "actions"]
    assert finding.verdict == "doubtful"


def test_reviewers_of_a_private_repository_on_an_unknown_plan_are_doubtful(standin: StandIn) -> None:
    standin.repo("PATCH", "", {"private": True})

    [finding] = [finding for finding in examine_repository(standin.target) if finding.check == "plan"]
    assert finding.verdict == "doubtful"
    assert "reviewers need GitHub Enterprise" in finding.message


def test_an_edited_file_is_refused_until_a_setting_allows_overwriting_it(standin: StandIn) -> None:
    standin.put_file(A_FILE, "name: edited\n", "Repair the build")

    fault = the_fault(standin.target, delivered=[A_FILE])
    assert fault.check == "workflow files"
    assert A_FILE in fault.message
    assert "overwriteEditedWorkflows" in fault.repair
    assert wrong(examine_repository(standin.with_settings(overwrite_edited_workflows=True), delivered=[A_FILE])) == []


def test_a_file_that_existed_before_the_first_delivery_is_taken_over(standin: StandIn) -> None:
    standin.put_file(A_FILE, "name: of old\n", "Add a workflow")

    assert wrong(examine_repository(standin.target, delivered=[])) == []


def test_an_older_delivery_is_not_an_edit(standin: StandIn) -> None:
    standin.put_file(A_FILE, "name: older\n", f"Update {A_FILE} from claudefs-infra")

    assert wrong(examine_repository(standin.target, delivered=[A_FILE])) == []


@pytest.mark.parametrize("token", [CLASSIC + "\n", " " + CLASSIC, "two words"])
def test_a_token_with_a_line_break_is_named_instead_of_blaming_the_network(token: str) -> None:
    with pytest.raises(UserError, match="GITHUB_TOKEN contains a space or a line break") as caught:
        read_github_target(LOCAL_STACK, environment={"GITHUB_TOKEN": token})
    assert token.strip() not in str(caught.value)


def test_another_spelling_than_github_s_is_repaired_before_the_subject(standin: StandIn) -> None:
    fault = the_fault(standin.with_settings(github_owner=OWNER.title()))
    assert f"GitHub spells {OWNER.title()}/{REPOSITORY} {OWNER}/{REPOSITORY}" in fault.message
    assert f"pulumi config set github:owner {OWNER}; pulumi config set github:organization {OWNER}" in fault.repair


def test_another_default_branch_is_renamed(standin: StandIn) -> None:
    repository = standin.store.state.repository
    repository.default_branch = "trunk"
    repository.refs["refs/heads/trunk"] = repository.refs.pop("refs/heads/main")
    [fault] = [each for each in wrong(examine_repository(standin.target)) if each.check == "branch"]
    assert "The default branch" in fault.message
    assert f"repos/{OWNER}/{REPOSITORY}/branches/trunk/rename -f new_name=main" in fault.repair


def test_without_a_token_github_is_not_queried() -> None:
    with pytest.raises(UserError, match="GITHUB_TOKEN is not set"):
        read_github_target("local", environment={})


@pytest.mark.parametrize("stack", ["local", "prod", "staging"])
def test_every_stack_can_be_examined(stack: str, tmp_path: Path) -> None:
    settings = (PROJECT_FOLDER / f"Pulumi.{stack}.yaml").read_text()
    account = "" if stack == LOCAL_STACK else '  aws:allowedAccountIds: ["111122223333"]\n'
    (tmp_path / "settings.yaml").write_text(settings.replace("config:\n", f"config:\n{account}", 1))

    target = read_github_target(stack, settings=tmp_path / "settings.yaml", environment={"GITHUB_TOKEN": CLASSIC})

    assert isinstance(target.settings, Settings)
    assert target.base_url == GITHUB_API_URL
    assert CLASSIC not in repr(target)


def test_only_the_emulated_stack_takes_githubs_url_from_a_variable(tmp_path: Path) -> None:
    elsewhere = {"GITHUB_TOKEN": CLASSIC, "GITHUB_BASE_URL": "https://github.example.org/"}
    assert read_github_target(LOCAL_STACK, environment=elsewhere).base_url == "https://github.example.org/"

    settings = (PROJECT_FOLDER / "Pulumi.prod.yaml").read_text()
    settings = settings.replace("config:\n", 'config:\n  aws:allowedAccountIds: ["111122223333"]\n', 1)
    (tmp_path / "settings.yaml").write_text(settings)
    target = read_github_target("prod", settings=tmp_path / "settings.yaml", environment=elsewhere)
    assert target.base_url == GITHUB_API_URL


def test_all_problems_are_reported_at_once() -> None:
    faults = [Finding(check=f"check {n}", verdict="wrong", message=f"fault {n}", repair=f"repair {n}") for n in (1, 2)]

    with pytest.raises(UserError) as refused:
        raise_wrong_findings(
            [*faults, Finding(check="doubt", verdict="doubtful", message="doubt", repair="look")], retry_command=AGAIN
        )

    assert refused.value.problem == "fault 1\nfault 2"
    assert refused.value.repair == "repair 1; repair 2; then run `cfs local up` again"
