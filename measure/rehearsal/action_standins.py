"""Stand-ins for the actions that the delivered workflows use; an action without a stand-in is an error."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local.project_clone import link_environment
from measure.rehearsal.emulator_requests import send_request
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from measure.rehearsal.runner_host import RunnerHost

AUDIENCE = "sts.amazonaws.com"
_GIT_SECONDS = 60
_ONE_ATTEMPT = Config(signature_version=UNSIGNED, connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})


class StepError(Exception):
    """An action has failed; the job continues with the steps whose conditions allow it."""


@dataclass(frozen=True, kw_only=True)
class ActionCall:
    """A step that uses an action.

    Attributes:
        host: The runner.
        inputs: The action's inputs.
        variables: The step's environment.
        artifacts: Folder of the run's artifacts, with a subfolder for each.
    """

    host: RunnerHost
    inputs: Mapping[str, str]
    variables: Mapping[str, str]
    artifacts: Path

    @property
    def workspace(self) -> Path:
        """The job's workspace folder."""
        return self.host.workspace


ActionStandIn: TypeAlias = "Callable[[ActionCall], Mapping[str, str]]"
"""Performs an action, and returns the variables that it sets for later steps."""


def check_out(call: ActionCall) -> dict[str, str]:
    """Clone a repository at a commit, as actions/checkout does."""
    name = call.inputs.get("repository") or call.host.repository
    source = call.host.repositories.get(name)
    if source is None:
        raise StepError(f"{name}: Not Found")
    target = call.workspace / call.inputs.get("path", "")
    clone_commit(source, target, call.inputs.get("ref") or call.variables["GITHUB_SHA"])
    if (target / "Pulumi.yaml").exists():
        # Otherwise each job would install the same pinned packages again.
        link_environment(target)
    return {}


def clone_commit(source: Path, target: Path, commit: str) -> None:
    """Clone a repository with its history and tags, and check out a commit.

    Raises:
        StepError: Git failed; the message is Git's.
    """
    _run_git("clone", "--quiet", "--no-checkout", str(source), str(target))
    _run_git("-C", str(target), "checkout", "--quiet", "--detach", commit)


def _run_git(*arguments: str) -> None:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise StepError(done.stderr.strip())


def set_up_python(call: ActionCall) -> dict[str, str]:
    """Put this process's Python first on PATH, as actions/setup-python does with the Python that it installs."""
    return {"PATH": f"{Path(sys.base_prefix, 'bin')}:{call.variables['PATH']}"}


def assume_role(call: ActionCall) -> dict[str, str]:
    """Assume a role with the job's token, as aws-actions/configure-aws-credentials does."""
    region = call.inputs["aws-region"]
    sts = boto3.client("sts", region_name=region, endpoint_url=call.variables["AWS_ENDPOINT_URL"], config=_ONE_ATTEMPT)
    try:
        answer = sts.assume_role_with_web_identity(
            RoleArn=call.inputs["role-to-assume"],
            RoleSessionName=call.inputs["role-session-name"],
            WebIdentityToken=request_id_token(call.variables),
            DurationSeconds=3600,
        )
    except ClientError as error:
        raise StepError(str(error)) from error
    credentials = answer["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }


def request_id_token(variables: Mapping[str, str]) -> str:
    """Return the job's OpenID Connect token.

    Raises:
        StepError: The job lacks the permission `id-token: write`.
    """
    url = variables.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    if url is None:
        raise StepError("Credentials could not be loaded: the job lacks the permission `id-token: write`")
    address = f"{url}{'&' if '?' in url else '?'}audience={AUDIENCE}"
    token: str = send_request(address, "GET", token=variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])["value"]
    return token


def upload_artifact(call: ActionCall) -> dict[str, str]:
    """Store files of the workspace as an artifact for later jobs."""
    paths = sorted(call.workspace.glob(call.inputs["path"]))
    if not paths:
        raise StepError(f"No files were found with the provided path: {call.inputs['path']}")
    target = call.artifacts / call.inputs["name"]
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    return {}


def download_artifacts(call: ActionCall) -> dict[str, str]:
    """Copy artifacts of earlier jobs into the workspace: the one in `name`, or all that match `pattern`."""
    pattern = call.inputs.get("name") or call.inputs["pattern"]
    found = [folder for folder in sorted(call.artifacts.glob("*")) if fnmatchcase(folder.name, pattern)]
    if not found and "name" in call.inputs:
        raise StepError(f"Artifact not found: {pattern}")
    for folder in found:
        shutil.copytree(folder, call.workspace / call.inputs.get("path", ""), dirs_exist_ok=True)
    return {}


ACTION_STANDINS: Mapping[str, ActionStandIn] = {
    "actions/checkout": check_out,
    "actions/setup-python": set_up_python,
    "actions/upload-artifact": upload_artifact,
    "actions/download-artifact": download_artifacts,
    "aws-actions/configure-aws-credentials": assume_role,
}
"""Stand-ins by the action's repository."""


def find_standin(uses: str) -> ActionStandIn:
    """Return the stand-in for an action."""
    standin = ACTION_STANDINS.get(uses.partition("@")[0])
    if standin is None:
        raise UserError(
            f"A workflow uses {uses}, for which the rehearsal has no stand-in.",
            repair="add one to ACTION_STANDINS in measure/rehearsal/action_standins.py",
        )
    return standin
