"""An emulated account, set up like a real one by the README: bootstrap, first deployment, GitHub's variables."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from local import servers
from local.account import LOCAL_REGION, PLACEHOLDER_ACCESS_KEY, LocalAccount, open_account
from local.aws.iam import IAM_PATH
from local.github.job_tokens import DISCOVERY_PATH, TOKEN_ISSUER
from local.project_clone import clone_project
from measure.rehearsal.claudefs_repository import ClaudefsRepository, write_build
from measure.rehearsal.emulator_requests import send_request
from measure.rehearsal.github_cli import install_github_cli
from measure.rehearsal.runner_host import RunnerHost, person_variables
from measure.rehearsal.workflow_runs import WorkflowRunner
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from measure.rehearsal.runner_host import Watcher

ENVIRONMENT = "prod"
REPOSITORY = f"{servers.LOCAL_OWNER}/{servers.LOCAL_REPOSITORY}"
INFRA_REPOSITORY = f"{servers.LOCAL_OWNER}/claudefs-infra"
COMMAND_SECONDS = 600.0

PERSON_TOKEN = "ghp_person"  # noqa: S105 — the stand-in accepts any token


@dataclass(frozen=True, kw_only=True)
class RehearsedAccount:
    """An account with an environment set up by an administrator.

    Attributes:
        account: The emulated AWS and GitHub.
        project: The administrator's checkout of this project.
        repository: ClaudeFS's repository.
        runner: The runner of its workflows.
        exported: Variables that the administrator has exported in the shell.
    """

    account: LocalAccount
    project: Path
    repository: ClaudefsRepository
    runner: WorkflowRunner
    exported: dict[str, str] = field(default_factory=dict)

    def run_as_administrator(self, *command: str, typed: str = "") -> str:
        """Run a command of the README in the checkout, with all rights, and return its output.

        Args:
            command: The command and its arguments.
            typed: The command's standard input.
        """
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.administrator_variables(),
            input=typed,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise UserError(
                f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout}",
                repair="run `cfs rehearse` with --keep, and the command in the checkout that it names",
            )
        return done.stdout

    def administrator_variables(self) -> dict[str, str]:
        """Return the environment of the administrator's shell."""
        variables = person_variables(self.account, folder=self.project.parent)
        path = os.pathsep.join([str(self.project / ".venv/bin"), variables["PATH"]])
        return {**variables, **self.exported, "PATH": path}

    def connect_client(self, service: str) -> Any:
        """Return a boto3 client with the administrator's credentials."""
        return boto3.client(
            service,
            endpoint_url=self.account.aws_url,
            region_name=LOCAL_REGION,
            aws_access_key_id=PLACEHOLDER_ACCESS_KEY,
            aws_secret_access_key=PLACEHOLDER_ACCESS_KEY,
        )

    def enforce_iam(self) -> None:
        """Enforce IAM on the account from now on, and start to record used rights."""
        enforce_iam(self.account)

    def read_enforcement(self) -> dict[str, Any]:
        """Return the denials, and the rights that each principal has used."""
        answer: dict[str, Any] = send_request(f"{self.account.aws_url}{IAM_PATH}", "GET")
        return answer

    def call_github(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call the GitHub stand-in as a user in a browser would."""
        return send_request(f"{self.account.github_url}{path}", method, body, token=PERSON_TOKEN)

    def pin_project(self) -> str:
        """Commit the changes in the administrator's checkout, make jobs use that commit, and return it."""
        identity = ("-c", "user.name=administrator", "-c", "user.email=administrator@example.org")
        self.run_as_administrator(
            "git", *identity, "commit", "--quiet", "--allow-empty", "--all", "--message", "Settings"
        )
        commit = self.run_as_administrator("git", "rev-parse", "HEAD").strip()
        for name, value in (("INFRA_REPOSITORY", INFRA_REPOSITORY), ("INFRA_REF", commit)):
            self.run_as_administrator("gh", "variable", "set", name, "--repo", REPOSITORY, "--body", value)
        return commit

    def find_nodes(self) -> list[dict[str, str]]:
        """Return the tags of the running nodes, each with its `InstanceId`."""
        filters = [
            {"Name": "tag:Environment", "Values": [ENVIRONMENT]},
            {"Name": "tag-key", "Values": ["NodeGroup"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        pages = self.connect_client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        return [
            {"InstanceId": instance["InstanceId"], **{tag["Key"]: tag["Value"] for tag in instance["Tags"]}}
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]

    def node_versions(self) -> set[str]:
        """Return the versions of the running nodes; `none` for a node without a version."""
        return {node.get("Version", "none") for node in self.find_nodes()}


def set_up_account(folder: Path, *, watch: Watcher) -> RehearsedAccount:
    """Prepare a new emulated account, with a clone of this project and a runner for workflows.

    Args:
        folder: Folder for all files of the rehearsal; `CFS_LOCAL_DIR` must be its subfolder `account`.
        watch: Cancels steps of jobs.
    """
    account = open_account()
    install_github_cli(folder / "programs")
    project = folder / "claudefs-infra"
    clone_project(project, account=account, stack=ENVIRONMENT)
    repository = ClaudefsRepository(folder=folder / "claudefs", releases=folder / "releases")
    host = RunnerHost(
        folder=folder,
        account=account,
        repositories={REPOSITORY: repository.folder, INFRA_REPOSITORY: project},
        releases=repository.releases,
        watch=watch,
    )
    runner = WorkflowRunner(host=host, reusable={"release-build.yml": write_build})
    return RehearsedAccount(account=account, project=project, repository=repository, runner=runner)


def enforce_iam(account: LocalAccount) -> None:
    """Enforce IAM on an account from now on, and start to record used rights."""
    keys = f"{account.github_url}{DISCOVERY_PATH}/jwks"
    send_request(f"{account.aws_url}{IAM_PATH}", "DELETE")
    send_request(f"{account.aws_url}{IAM_PATH}", "PUT", {"enforced": True, "issuers": {TOKEN_ISSUER: keys}})
