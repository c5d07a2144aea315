"""GitHub as the real provider leaves it: secrets, environments, files, and what becomes of a run when GitHub fails."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import psutil
import pytest
from nacl.public import PrivateKey, SealedBox

from cfs.deploy import reviewed_apply as applying
from cfs.doctor.resource_types import PULL_REQUEST_TYPE, REPOSITORY_FILE_TYPE
from cfs.engine import EngineError
from infra.github.delivery import DELIVERY_BRANCH, delivered_files
from local import operations, servers
from local.engine import LocalEngine
from local.environment import LocalEnvironment
from terminal.errors import UserError
from tests.e2e.stacks import ON_GITHUB

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from tests.e2e.stacks import Stack

Operation: TypeAlias = "Callable[[LocalEngine], None]"

REPOSITORY = f"/repos/{servers.LOCAL_OWNER}/{servers.LOCAL_REPOSITORY}"
A_FILE, ITS_SOURCE = next(iter(delivered_files().items()))
A_SECRET = "SLACK_WEBHOOK"
MARKERS = {
    "actionsSecrets": "marker-of-a-secret-of-the-repository",
    "environmentSecrets": "marker-of-a-secret-of-deployments",
    "previewSecrets": "marker-of-a-secret-of-previews",
}


def fault(stack: Stack, name: str, **options: object) -> None:
    stack.call_github("PUT", f"/_control/faults/{name}", options)


def read_file(stack: Stack, path: str, ref: str = "main") -> str:
    return base64.b64decode(stack.call_github("GET", f"{REPOSITORY}/contents/{path}?ref={ref}")["content"]).decode()


def edit_file(stack: Stack, path: str, content: str) -> None:
    """Edit a file as somebody with a browser does."""
    url = f"{REPOSITORY}/contents/{path}"
    sha = stack.call_github("GET", url)["sha"]
    encoded = base64.b64encode(content.encode()).decode()
    stack.call_github("PUT", url, {"message": "Repair the build", "content": encoded, "sha": sha})


def forget_delivery(stack: Stack) -> None:
    """Leave a stack that has delivered no workflow files to a repository that has none."""
    document = json.loads(stack.engine.checkpoint_file.read_text())
    latest = document["checkpoint"]["latest"]
    latest["resources"] = [resource for resource in latest["resources"] if resource["type"] != REPOSITORY_FILE_TYPE]
    stack.engine.checkpoint_file.write_text(json.dumps(document))
    for path in delivered_files():
        url = f"{REPOSITORY}/contents/{path}"
        stack.call_github("DELETE", url, {"message": "Begin", "sha": stack.call_github("GET", url)["sha"]})


def test_environments_are_protected_as_declared(deployed: Stack) -> None:
    shown = deployed.call_github("GET", f"{REPOSITORY}/environments/local")
    rules = {rule["type"]: rule for rule in shown["protection_rules"]}
    [reviewer] = rules["required_reviewers"]["reviewers"]
    assert reviewer["reviewer"]["login"] == servers.LOCAL_OWNER
    assert not shown["can_admins_bypass"]
    policies = deployed.call_github("GET", f"{REPOSITORY}/environments/local/deployment-branch-policies")
    assert [policy["name"] for policy in policies["branch_policies"]] == ["main"]

    preview = deployed.call_github("GET", f"{REPOSITORY}/environments/local-preview")
    assert {rule["type"] for rule in preview["protection_rules"]} == {"branch_policy"}


def test_jobs_of_each_environment_are_told_their_own_role_and_no_other(deployed: Stack) -> None:
    outputs = deployed.outputs()
    for environment, role in (("local", "deployRoleArn"), ("local-preview", "previewRoleArn")):
        listed = deployed.call_github("GET", f"{REPOSITORY}/environments/{environment}/variables")["variables"]
        variables = {variable["name"]: variable["value"] for variable in listed}
        assert variables == {
            "ARTIFACT_BUCKET": outputs["artifactBucket"],
            "AWS_REGION": "us-west-2",
            "AWS_ROLE_ARN": outputs[role],
            "PULUMI_STACK": "local",
            "STATE_BUCKET": outputs["stateBucket"],
        }


def test_the_roles_trust_the_subjects_that_the_repository_has(deployed: Stack) -> None:
    prefix = deployed.call_github("GET", f"{REPOSITORY}/actions/oidc/customization/sub")["sub_claim_prefix"]
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
    assert deployed.call_github("GET", f"{REPOSITORY}/actions/permissions")["sha_pinning_required"]
    token = deployed.call_github("GET", f"{REPOSITORY}/actions/permissions/workflow")
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
        while not self._ended.wait(0.1):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    self.seen.add(" ".join(process.cmdline()))


def record_answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what the engine answers."""
    answers: list[str] = []
    query = LocalEngine.query_text

    def recorded(engine: LocalEngine, *arguments: str) -> str:
        answers.append(query(engine, *arguments))
        return answers[-1]

    monkeypatch.setattr(LocalEngine, "query_text", recorded)
    return answers


def test_secrets_reach_github_encrypted_and_are_nowhere_else(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for setting, marker in MARKERS.items():
        stack.set_secret(f"{setting}.TOKEN", marker)
    folder = stack.folder
    token = stack.engine.account.account_variables()["GITHUB_TOKEN"]
    monkeypatch.setattr("cfs.environments.PROJECT_FOLDER", folder)
    stack = stack.limited_to(ON_GITHUB)
    monkeypatch.setattr(LocalEnvironment, "open_engine", lambda _: stack.engine)
    said = record_answers(monkeypatch)
    wanted = applying.WantedDeployment(environment="local", cluster_size=None, commit="c" * 40)

    with ProcessList() as processes:
        stack.engine.query_text("preview", "--diff", "--save-plan", str(folder / "plan.json"))
        reviewed = applying.preview_for_review(wanted, file=folder / "review.json")
        applied = applying.apply_reviewed(wanted, digest=reviewed.job_outputs["digest"], file=folder / "review.json")
    stack.engine.query_text("stack", "export")
    assert len(said) == 4, "two previews, that of `apply`, and the export"
    said += [str(result) for result in (reviewed, applied)]
    said += capfd.readouterr()

    stored = stack.stored_repository()
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


def test_what_somebody_has_changed_at_github_is_written_again_and_an_edit_only_where_a_setting_says_so(
    stack: Stack,
) -> None:
    stack = stack.limited_to(ON_GITHUB)
    stored = stack.stored_repository()
    sealed = SealedBox(PrivateKey(base64.b64decode(stored["key"]["private"])).public_key).encrypt(b"another")
    body = {"key_id": stored["key"]["key_id"], "encrypted_value": base64.b64encode(sealed).decode()}
    stack.call_github("PUT", f"{REPOSITORY}/actions/secrets/{A_SECRET}", body)
    edit_file(stack, A_FILE, "name: edited by hand\n")

    with pytest.raises(UserError, match="was edited in the repository") as refused:
        operations.deploy_local_stack(stack.engine)
    assert A_FILE in refused.value.problem
    assert read_file(stack, A_FILE) == "name: edited by hand\n"

    stack.change(overwriteEditedWorkflows="true")
    operations.deploy_local_stack(stack.engine)
    stored = stack.stored_repository()
    key = SealedBox(PrivateKey(base64.b64decode(stored["key"]["private"])))
    assert key.decrypt(base64.b64decode(stored["secrets"][A_SECRET]["encrypted_value"])) != b"another"
    assert read_file(stack, A_FILE) == ITS_SOURCE.read_text()
    assert stack.changes("--refresh") == {}


def test_a_protected_branch_gets_its_files_by_a_pull_request(stack: Stack) -> None:
    stack = stack.limited_to(ON_GITHUB)
    ruleset = {
        "name": "reviewed",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "pull_request"}],
    }
    forget_delivery(stack)
    stack.call_github("POST", f"{REPOSITORY}/rulesets", ruleset)
    with pytest.raises(UserError, match="refuse commits to main"):
        operations.deploy_local_stack(stack.engine)

    stack.change(workflowDelivery="pull-request")
    operations.deploy_local_stack(stack.engine)

    [pull] = stack.call_github("GET", f"{REPOSITORY}/pulls")
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (DELIVERY_BRANCH, "main")
    assert stack.outputs()["workflowPullRequest"] == str(pull["number"])
    for target, source in delivered_files().items():
        assert read_file(stack, target, ref=DELIVERY_BRANCH) == source.read_text()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        read_file(stack, A_FILE)

    # A run that died before it had recorded the pull request.
    stack.forget_creations(PULL_REQUEST_TYPE)
    operations.deploy_local_stack(stack.engine)
    assert [open_["number"] for open_ in stack.call_github("GET", f"{REPOSITORY}/pulls")] == [pull["number"]]
    assert stack.changes("--refresh") == {}

    # Closed by somebody, with its branch.
    stack.call_github("PATCH", f"{REPOSITORY}/pulls/{pull['number']}", {"state": "closed"})
    stack.call_github("DELETE", f"{REPOSITORY}/git/refs/heads/{DELIVERY_BRANCH}")
    operations.deploy_local_stack(stack.engine)
    [second] = stack.call_github("GET", f"{REPOSITORY}/pulls")
    assert second["number"] > pull["number"]
    assert stack.outputs()["workflowPullRequest"] == str(second["number"])
    for target, source in delivered_files().items():
        assert read_file(stack, target, ref=DELIVERY_BRANCH) == source.read_text()
    pull = second

    # Merged, as GitHub does it where it deletes the branches of merged pull requests.
    stack.call_github("PUT", f"{REPOSITORY}/pulls/{pull['number']}/merge")
    stack.call_github("DELETE", f"{REPOSITORY}/git/refs/heads/{DELIVERY_BRANCH}")
    operations.deploy_local_stack(stack.engine)

    assert stack.outputs()["workflowPullRequest"] == ""
    assert read_file(stack, A_FILE) == ITS_SOURCE.read_text()
    assert stack.changes("--refresh") == {}
    assert stack.call_github("GET", f"{REPOSITORY}/pulls") == []


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


def test_a_token_that_may_not_change_workflows_is_one_message_before_anything_is_changed(deployed: Stack) -> None:
    assert_refused(deployed, "missing-workflow-scope", {}, operations.deploy_local_stack)


def assert_refused(stack: Stack, name: str, options: dict[str, object], operation: Operation) -> None:
    before = stack.engine.checkpoint_file.read_bytes()
    fault(stack, name, **options)
    try:
        with pytest.raises(UserError) as refused:
            operation(stack.engine)
    finally:
        stack.call_github("DELETE", "/_control/faults")

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


def test_faults_in_the_middle_of_deployments_leave_nothing_that_the_next_does_not_finish(stack: Stack) -> None:
    stack = stack.limited_to(ON_GITHUB)
    for secret, (name, options) in FAULTS.items():
        stack.set_secret(f"actionsSecrets.{secret}", "marker")
        fault(stack, name, path="/actions/secrets", **options)
        with suppress(EngineError, UserError):
            operations.deploy_local_stack(stack.engine)
        stack.call_github("DELETE", "/_control/faults")

    operations.deploy_local_stack(stack.engine)

    assert stack.stored_repository()["secrets"].keys() >= FAULTS.keys()
    assert stack.changes("--refresh") == {}
