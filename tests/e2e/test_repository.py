"""GitHub as the real provider leaves it: secrets, environments, files, and what becomes of a run when GitHub fails."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import psutil
import pytest
from nacl.public import PrivateKey, SealedBox

from cfs.deploy import reviewed_apply as applying
from cfs.doctor.resource_types import DEPLOYMENT_POLICY_TYPE, PULL_REQUEST_TYPE
from cfs.engine import EngineError
from infra.github.delivery import DELIVERY_BRANCH, delivered_files
from infra.project import PROJECT_FOLDER
from local import operations, servers
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from local.engine import LocalEngine
    from tests.e2e.conftest import Stack

Operation: TypeAlias = "Callable[[LocalEngine], None]"

REPOSITORY = f"/repos/{servers.LOCAL_OWNER}/{servers.LOCAL_REPOSITORY}"
A_FILE, ITS_SOURCE = next(iter(delivered_files().items()))
MARKERS = {
    "actionsSecrets": "marker-of-a-secret-of-the-repository",
    "environmentSecrets": "marker-of-a-secret-of-deployments",
    "previewSecrets": "marker-of-a-secret-of-previews",
}


def github(stack: Stack, method: str, path: str, body: object = None) -> Any:
    """Call the emulated GitHub as a person with a browser would, outside Pulumi."""
    request = urllib.request.Request(
        f"{stack.engine.account.github_url}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {stack.engine.account.account_variables()['GITHUB_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def fault(stack: Stack, name: str, **options: object) -> None:
    github(stack, "PUT", f"/_control/faults/{name}", options)


def set_secret(stack: Stack, path: str, value: str) -> None:
    """Set a secret as the documents say: the value comes by standard input, not on an argument list."""
    account = stack.engine.account
    subprocess.run(
        [
            f"{account.toolchain.path[0]}/pulumi",
            *("config", "set", "--secret", "--path", f"claudefs-infra:{path}"),
            *("--stack", "local", "--config-file", str(stack.settings), "--non-interactive"),
        ],
        cwd=PROJECT_FOLDER,
        env=account.command_environment(),
        input=value,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )


def read_file(stack: Stack, path: str, ref: str = "main") -> str:
    return base64.b64decode(github(stack, "GET", f"{REPOSITORY}/contents/{path}?ref={ref}")["content"]).decode()


def edit_file(stack: Stack, path: str, content: str) -> None:
    """Edit a file as somebody with a browser does."""
    url = f"{REPOSITORY}/contents/{path}"
    sha = github(stack, "GET", url)["sha"]
    encoded = base64.b64encode(content.encode()).decode()
    github(stack, "PUT", url, {"message": "Repair the build", "content": encoded, "sha": sha})


def forget(stack: Stack, kind: str) -> None:
    """Leave the state as a run does that dies while it creates the resources of a type."""
    document = json.loads(stack.engine.checkpoint_file.read_text())
    latest = document["checkpoint"]["latest"]
    made = [resource for resource in latest["resources"] if resource["type"] == kind]
    latest["resources"] = [resource for resource in latest["resources"] if resource["type"] != kind]
    begun = [{key: value for key, value in of.items() if key not in ("id", "outputs")} for of in made]
    latest["pending_operations"] = [{"resource": of, "type": "creating"} for of in begun]
    stack.engine.checkpoint_file.write_text(json.dumps(document))


def kept(stack: Stack) -> dict[str, Any]:
    """Read what the stand-in has stored."""
    state: dict[str, Any] = json.loads((stack.engine.account.folder / servers.GITHUB_EMULATOR.state_file).read_text())
    repository: dict[str, Any] = state["repository"]
    return repository


def test_environments_are_protected_as_declared(deployed: Stack) -> None:
    shown = github(deployed, "GET", f"{REPOSITORY}/environments/local")
    rules = {rule["type"]: rule for rule in shown["protection_rules"]}
    [reviewer] = rules["required_reviewers"]["reviewers"]
    assert reviewer["reviewer"]["login"] == servers.LOCAL_OWNER
    assert not shown["can_admins_bypass"]
    policies = github(deployed, "GET", f"{REPOSITORY}/environments/local/deployment-branch-policies")
    assert [policy["name"] for policy in policies["branch_policies"]] == ["main"]

    preview = github(deployed, "GET", f"{REPOSITORY}/environments/local-preview")
    assert {rule["type"] for rule in preview["protection_rules"]} == {"branch_policy"}


def test_jobs_of_each_environment_are_told_their_own_role_and_no_other(deployed: Stack) -> None:
    outputs = deployed.outputs()
    for environment, role in (("local", "deployRoleArn"), ("local-preview", "previewRoleArn")):
        listed = github(deployed, "GET", f"{REPOSITORY}/environments/{environment}/variables")["variables"]
        variables = {variable["name"]: variable["value"] for variable in listed}
        assert variables == {
            "ARTIFACT_BUCKET": outputs["artifactBucket"],
            "AWS_REGION": "us-west-2",
            "AWS_ROLE_ARN": outputs[role],
            "PULUMI_STACK": "local",
            "STATE_BUCKET": outputs["stateBucket"],
        }


def test_the_roles_trust_the_subjects_that_the_repository_has(deployed: Stack) -> None:
    prefix = github(deployed, "GET", f"{REPOSITORY}/actions/oidc/customization/sub")["sub_claim_prefix"]
    iam = deployed.client("iam")
    for job, subject in {
        "preview": ":environment:local-preview",
        "deploy": ":environment:local",
        "ci-write": ":ref:refs/heads/main",
    }.items():
        role = iam.get_role(RoleName=f"claudefs-local-{job}")["Role"]
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"] == prefix + subject


def test_actions_must_be_pinned_and_tokens_of_workflows_only_read(deployed: Stack) -> None:
    assert github(deployed, "GET", f"{REPOSITORY}/actions/permissions")["sha_pinning_required"]
    token = github(deployed, "GET", f"{REPOSITORY}/actions/permissions/workflow")
    assert token == {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}


class ProcessList:
    """Watches the arguments of all processes while a block runs."""

    def __enter__(self) -> Self:
        """Begin to watch."""
        self.seen: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    self.seen.add(" ".join(process.cmdline()))


def test_secrets_reach_github_encrypted_and_are_nowhere_else(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for setting, marker in MARKERS.items():
        set_secret(stack, f"{setting}.TOKEN", marker)
    folder = stack.engine.account.folder
    token = stack.engine.account.account_variables()["GITHUB_TOKEN"]
    settings = tmp_path / "settings"
    settings.mkdir()
    shutil.copy(stack.settings, settings / "Pulumi.local.yaml")
    monkeypatch.setattr("cfs.environments.PROJECT_FOLDER", settings)
    wanted = applying.WantedDeployment(environment="local", cluster_size=None, commit="c" * 40)

    with ProcessList() as processes:
        plan = stack.engine.query_text("preview", "--diff", "--save-plan", str(folder / "plan.json"))
        reviewed = applying.preview_for_review(wanted, file=folder / "review.json")
        applied = applying.apply_reviewed(wanted, digest=reviewed.job_outputs["digest"], file=folder / "review.json")
    said = [plan, stack.engine.query_text("preview", "--diff", "--json"), stack.engine.query_text("stack", "export")]
    said += [str(result) for result in (reviewed, applied)]
    said += capfd.readouterr()

    stored = kept(stack)
    key = SealedBox(PrivateKey(base64.b64decode(stored["key"]["private"])))
    tables = [
        stored["secrets"],
        stored["environments"]["local"]["secrets"],
        stored["environments"]["local-preview"]["secrets"],
    ]
    opened = [key.decrypt(base64.b64decode(table["TOKEN"]["encrypted_value"])).decode() for table in tables]
    assert opened == list(MARKERS.values())

    assert "ActionsEnvironmentSecret" in said[-1], "what `apply` has printed was not read"
    assert any("pulumi-resource-github" in arguments for arguments in processes.seen)
    texts = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"plan.json", "review.json", "github.json"} <= texts.keys()
    for marker in (*MARKERS.values(), token):
        assert not [text for text in said if marker in text]
        assert not [arguments for arguments in processes.seen if marker in arguments]
        assert not [name for name, content in texts.items() if marker.encode() in content]


def test_a_commit_without_what_was_deployed_is_refused_and_no_deployment_touches_the_pin(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = {"name": "INFRA_REF", "value": "a" * 40}
    github(stack, "POST", f"{REPOSITORY}/actions/variables", pin)
    monkeypatch.setattr("cfs.environments.PROJECT_FOLDER", tmp_path)
    checked_out, file = tmp_path / "Pulumi.local.yaml", tmp_path / "review.json"
    shutil.copy(stack.settings, checked_out)
    wanted = applying.WantedDeployment(environment="local", cluster_size=None, commit="c" * 40)
    set_secret(stack, "environmentSecrets.TOKEN", "marker")
    stack.change(alertEmails=["me@example.org"])
    stack.up()

    refused = applying.preview_for_review(wanted, file=file)
    assert refused.exit_code == 1
    assert "Pulumi.local.yaml lacks alertEmails, environmentSecrets.TOKEN, which local was deployed" in refused.text
    assert "digest" not in refused.job_outputs

    stack.change(dailyBudgetUsd="120")
    shutil.copy(stack.settings, checked_out)
    reviewed = applying.preview_for_review(wanted, file=file)
    applying.apply_reviewed(wanted, digest=reviewed.job_outputs["digest"], file=file)
    assert stack.changes("--refresh") == {}
    assert github(stack, "GET", f"{REPOSITORY}/actions/variables/INFRA_REF")["value"] == pin["value"]
    assert "TOKEN" in kept(stack)["environments"]["local"]["secrets"]


def test_branches_of_environments_that_a_dead_run_has_not_recorded_are_adopted(stack: Stack) -> None:
    forget(stack, DEPLOYMENT_POLICY_TYPE)
    operations.deploy_local_stack(stack.engine)
    assert stack.changes("--refresh") == {}


def test_a_secret_that_somebody_has_changed_is_written_again(stack: Stack) -> None:
    marker = "marker-of-the-stack"
    set_secret(stack, "actionsSecrets.TOKEN", marker)
    stack.up()
    stored = kept(stack)
    sealed = SealedBox(PrivateKey(base64.b64decode(stored["key"]["private"])).public_key).encrypt(b"another")
    body = {"key_id": stored["key"]["key_id"], "encrypted_value": base64.b64encode(sealed).decode()}
    github(stack, "PUT", f"{REPOSITORY}/actions/secrets/TOKEN", body)

    operations.deploy_local_stack(stack.engine)

    stored = kept(stack)
    key = SealedBox(PrivateKey(base64.b64decode(stored["key"]["private"])))
    assert key.decrypt(base64.b64decode(stored["secrets"]["TOKEN"]["encrypted_value"])).decode() == marker
    assert stack.changes("--refresh") == {}


def test_an_edited_workflow_is_shown_as_drift_and_kept_until_a_setting_says_otherwise(stack: Stack) -> None:
    edit_file(stack, A_FILE, "name: edited by hand\n")
    assert stack.changes("--refresh") == {"update": 1}

    with pytest.raises(UserError, match="Somebody has edited") as refused:
        operations.deploy_local_stack(stack.engine)
    assert A_FILE in refused.value.problem
    assert read_file(stack, A_FILE) == "name: edited by hand\n"

    stack.change(overwriteEditedWorkflows="true")
    operations.deploy_local_stack(stack.engine)
    assert read_file(stack, A_FILE) == ITS_SOURCE.read_text()
    assert stack.changes("--refresh") == {}


def test_a_protected_branch_gets_its_files_by_a_pull_request(empty_stack: Stack) -> None:
    ruleset = {
        "name": "reviewed",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "pull_request"}],
    }
    github(empty_stack, "POST", f"{REPOSITORY}/rulesets", ruleset)
    with pytest.raises(UserError, match="main is protected"):
        operations.deploy_local_stack(empty_stack.engine)

    empty_stack.change(workflowDelivery="pull-request")
    operations.deploy_local_stack(empty_stack.engine)

    [pull] = github(empty_stack, "GET", f"{REPOSITORY}/pulls")
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (DELIVERY_BRANCH, "main")
    assert empty_stack.outputs()["workflowPullRequest"] == str(pull["number"])
    for target, source in delivered_files().items():
        assert read_file(empty_stack, target, ref=DELIVERY_BRANCH) == source.read_text()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        read_file(empty_stack, A_FILE)
    assert empty_stack.changes("--refresh") == {}

    # A run that died before it had recorded the pull request.
    forget(empty_stack, PULL_REQUEST_TYPE)
    operations.deploy_local_stack(empty_stack.engine)
    assert [open_["number"] for open_ in github(empty_stack, "GET", f"{REPOSITORY}/pulls")] == [pull["number"]]
    assert empty_stack.changes("--refresh") == {}

    # Closed by somebody, with its branch.
    github(empty_stack, "PATCH", f"{REPOSITORY}/pulls/{pull['number']}", {"state": "closed"})
    github(empty_stack, "DELETE", f"{REPOSITORY}/git/refs/heads/{DELIVERY_BRANCH}")
    operations.deploy_local_stack(empty_stack.engine)
    [second] = github(empty_stack, "GET", f"{REPOSITORY}/pulls")
    assert second["number"] > pull["number"]
    assert empty_stack.outputs()["workflowPullRequest"] == str(second["number"])
    for target, source in delivered_files().items():
        assert read_file(empty_stack, target, ref=DELIVERY_BRANCH) == source.read_text()
    pull = second

    # Merged, as GitHub does it where it deletes the branches of merged pull requests.
    github(empty_stack, "PATCH", f"{REPOSITORY}/git/refs/heads/main", {"sha": pull["head"]["sha"], "force": True})
    github(empty_stack, "PATCH", f"{REPOSITORY}/pulls/{pull['number']}", {"state": "closed"})
    github(empty_stack, "DELETE", f"{REPOSITORY}/git/refs/heads/{DELIVERY_BRANCH}")
    operations.deploy_local_stack(empty_stack.engine)

    assert empty_stack.outputs()["workflowPullRequest"] == ""
    assert read_file(empty_stack, A_FILE) == ITS_SOURCE.read_text()
    assert empty_stack.changes("--refresh") == {}
    assert github(empty_stack, "GET", f"{REPOSITORY}/pulls") == []


@pytest.mark.parametrize(
    "name, options",
    [
        ("bad-credentials", {}),
        ("missing-owner", {}),
        ("missing-repository", {}),
        ("primary-rate-limit", {"seconds": 60}),
        ("rate-limit-reached", {"seconds": 60}),
        ("secondary-rate-limit", {"seconds": 60}),
        ("server-error", {"status": 500}),
    ],
)
@pytest.mark.parametrize("operation", [operations.deploy_local_stack, operations.refresh_local_stack])
def test_what_github_would_refuse_is_one_message_before_anything_is_changed(
    deployed: Stack, name: str, options: dict[str, object], operation: Operation
) -> None:
    assert_refused(deployed, name, options, operation)


@pytest.mark.parametrize("name", ["missing-workflow-scope", "protected-branch"])
def test_what_github_would_refuse_of_files_is_one_message_before_anything_is_changed(
    deployed: Stack, name: str
) -> None:
    assert_refused(deployed, name, {}, operations.deploy_local_stack)


def assert_refused(stack: Stack, name: str, options: dict[str, object], operation: Operation) -> None:
    before = stack.engine.checkpoint_file.read_bytes()
    fault(stack, name, **options)
    try:
        with pytest.raises(UserError) as refused:
            operation(stack.engine)
    finally:
        github(stack, "DELETE", "/_control/faults")

    assert refused.value.problem
    assert refused.value.repair
    assert stack.engine.checkpoint_file.read_bytes() == before


FAULTS: dict[str, tuple[str, dict[str, object]]] = {
    "FAILS": ("server-error", {"status": 500}),
    "UNSEEN": ("missing-repository", {}),
    "TOO_MUCH": ("secondary-rate-limit", {"seconds": 3}),
    "TOO_MANY": ("primary-rate-limit", {"seconds": 3}),
    "SLOW": ("slow", {"seconds": 1}),
}
"""A secret, and what becomes of GitHub while it is written."""


def test_a_fault_in_the_middle_of_a_deployment_leaves_nothing_that_the_next_does_not_finish(stack: Stack) -> None:
    for secret, (name, options) in FAULTS.items():
        set_secret(stack, f"actionsSecrets.{secret}", "marker")
        fault(stack, name, path="/actions/secrets", **options)
        with suppress(EngineError, UserError):
            operations.deploy_local_stack(stack.engine)
        github(stack, "DELETE", "/_control/faults")

        operations.deploy_local_stack(stack.engine)

        assert secret in kept(stack)["secrets"], name
    assert stack.changes("--refresh") == {}
