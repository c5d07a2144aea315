"""A stack on a separate local account for a test."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import yaml

from cfs.recovery.tagged_resources import find_tagged_resources
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from local import servers
from local.account import open_account
from local.aws.actions import ACTIONS_PATH
from local.aws.clock import CLOCK_PATH
from local.emulator_requests import send_json
from local.engine import LocalEngine
from measure.rehearsal.runner_host import SAVE_STATE_AT_END
from measure.scratch_account import copy_account

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from cfs.recovery.tagged_resources import TaggedResource

ROOT_TYPE = "pulumi:pulumi:Stack"

ON_GITHUB = "**github:index/**"
"""Matches the URNs of the repository's resources."""

GROUPS_OF_NODES = "**aws:autoscaling/**"
"""Matches the URNs of Auto Scaling groups, their scheduled actions and their lifecycle hooks."""

_TARGETED = ("up", "preview", "refresh")


@dataclass(frozen=True, kw_only=True)
class QuickEngine(LocalEngine):
    """An engine that saves the state only at its end, because saving it twice in each step takes most of a deployment.

    Commands in separate processes, such as `run_cfs`, save it as for users.

    Attributes:
        targets: Patterns of the URNs that the engine deploys, previews and refreshes; empty for the whole stack.
    """

    targets: tuple[str, ...] = ()

    def _pulumi_command(self, operation: str, *arguments: str) -> list[str]:
        targets = self.targets if operation in _TARGETED else ()
        return super()._pulumi_command(operation, *arguments, *(f"--target={target}" for target in targets))

    def process_environment(self) -> dict[str, str]:
        """Return the environment of the engine's processes."""
        return {**super().process_environment(), **SAVE_STATE_AT_END}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack on its own local account, with helpers for tests."""

    engine: QuickEngine
    settings: Path

    @property
    def folder(self) -> Path:
        """The account's folder."""
        return self.engine.account.folder

    def limited_to(self, *targets: str) -> Stack:
        """Return the stack with an engine that only handles some resources, which takes a fraction of the time.

        Args:
            targets: URNs, or patterns that begin and end with `**`, each of at least one resource.
        """
        urns = [resource["urn"] for resource in self.resources()]
        assert not [target for target in targets if not any(target.strip("*") in urn for urn in urns)]
        return replace(self, engine=replace(self.engine, targets=targets))

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulated account."""
        return self.engine.connect_aws().session.client(service, endpoint_url=self.engine.account.aws_url)

    def call_github(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call the emulated GitHub outside Pulumi, as a user in a browser would."""
        token = self.engine.account.account_variables()["GITHUB_TOKEN"]
        return send_json(f"{self.engine.account.github_url}{path}", method, body, token=token)

    def control_account(self, path: str, body: Mapping[str, object] | None = None, *, method: str = "") -> Any:
        """Ask the emulated account's control API, or set something if there is a body."""
        method = method or ("GET" if body is None else "PUT")
        return send_json(f"{self.engine.account.aws_url}{path}", method, body, seconds=30)

    def account_time(self, now: datetime | None = None) -> datetime:
        """Return the account's time, after moving its clock to a given one."""
        body = None if now is None else {"now": now.isoformat()}
        return datetime.fromisoformat(self.control_account(CLOCK_PATH, body)["now"])

    def forget_actions(self) -> None:
        """Discard the recorded IAM actions."""
        self.control_account(ACTIONS_PATH, method="DELETE")

    def called_actions(self) -> set[str]:
        """Return the IAM actions that calls of the emulated account have needed since the last `forget_actions`."""
        return set(self.control_account(ACTIONS_PATH))

    def up(self) -> str:
        """Deploy, and return the engine's output."""
        return self.engine.query_text("up", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, read from the state to avoid starting the engine."""
        [root] = [of for of in self.resources() if of["type"] == ROOT_TYPE]
        outputs: dict[str, Any] = root["outputs"]
        return outputs

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the stack's state."""
        checkpoint = json.loads(self.engine.checkpoint_file.read_text())["checkpoint"]
        resources: list[dict[str, Any]] = (checkpoint["latest"] or {}).get("resources", [])
        return resources

    def ids(self) -> dict[str, str]:
        """Return the IDs of all custom resources by URN."""
        return {of["urn"]: of["id"] for of in self.resources() if of.get("id")}

    def preview(self, *arguments: str) -> list[dict[str, Any]]:
        """Preview, and return the steps that would change something."""
        steps = self.engine.query_json("preview", "--json", *arguments)["steps"]
        return [step for step in steps if step["op"] not in ("same", "refresh")]

    def changes(self, *arguments: str) -> dict[str, int]:
        """Preview, and return the number of resources by operation, except `same`."""
        preview = self.engine.query_json("preview", "--json", *arguments)
        return {operation: count for operation, count in preview["changeSummary"].items() if operation != "same"}

    def forget_creations(self, *types: str) -> None:
        """Change the state to that of a run that died while creating the resources of the given types."""
        document = json.loads(self.engine.checkpoint_file.read_text())
        latest = document["checkpoint"]["latest"]
        made = [resource for resource in latest["resources"] if resource["type"] in types]
        assert {resource["type"] for resource in made} == set(types)
        latest["resources"] = [resource for resource in latest["resources"] if resource not in made]
        begun = [{key: value for key, value in of.items() if key not in ("id", "outputs")} for of in made]
        latest["pending_operations"] = [{"resource": of, "type": "creating"} for of in begun]
        self.engine.checkpoint_file.write_text(json.dumps(document))

    def set_secret(self, path: str, value: str) -> None:
        """Set a secret as documented: the value is passed by standard input, not as an argument."""
        account = self.engine.account
        subprocess.run(
            [
                f"{account.toolchain.path[0]}/pulumi",
                *("config", "set", "--secret", "--path", f"{CONFIG_NAMESPACE}:{path}"),
                *("--stack", "local", "--config-file", str(self.settings), "--non-interactive"),
            ],
            cwd=PROJECT_FOLDER,
            env=account.command_environment(),
            input=value,
            text=True,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def stored_repository(self) -> dict[str, Any]:
        """Return the repository's record in the emulated GitHub's state."""
        state: dict[str, Any] = json.loads((self.folder / servers.GITHUB_EMULATOR.state_file).read_text())
        repository: dict[str, Any] = state["repository"]
        return repository

    def find_tagged(self) -> list[TaggedResource]:
        """Return the account's resources with the stack's tags."""
        return list(find_tagged_resources(self.engine.connect_aws(), self.engine.stack_name))

    def change(self, **settings: object) -> None:
        """Change settings of this test's stack."""
        document = yaml.safe_load(self.settings.read_text())
        document["config"] |= {f"{CONFIG_NAMESPACE}:{key}": value for key, value in settings.items()}
        self.settings.write_text(yaml.safe_dump(document))


def type_of(urn: str) -> str:
    """Return the last part of a resource's type, for example `Group` for `aws:autoscaling/group:Group`."""
    return urn.split("::")[2].rpartition(":")[2]


def name_of(urn: str) -> str:
    """Return a resource's name in the program."""
    return urn.rpartition("::")[2]


def new_stack(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, spawn: servers.SpawnEmulator, like: Path | None = None
) -> Stack:
    """Start a local account in `folder`, empty or as a copy of the stopped account in `like`, and open its stack.

    The stack's own engine checks no policies, which would take almost a second each time; `run_cfs` does, as for users.
    """
    monkeypatch.setenv("CFS_LOCAL_DIR", str(folder))
    settings = folder / "Pulumi.local.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    if like is not None:
        copy_account(like, folder)
    servers.ensure_emulators_running(folder, spawn=spawn)
    shutil.copy(PROJECT_FOLDER / settings.name, settings)
    engine = QuickEngine(account=open_account(), settings=settings, policy_pack=None)
    engine.ensure_stack()
    return Stack(engine=engine, settings=settings)
