"""The real engine and the real providers at work on emulators of this test run's own."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from filelock import FileLock

from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from local import servers
from local.account import open_account
from local.engine import LocalEngine
from local.nursery import ForkServer
from measure.scratch_account import copy_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack on its own local account, with what tests ask of both."""

    engine: LocalEngine
    settings: Path

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulated account."""
        return self.engine.connect_aws().session.client(service, endpoint_url=self.engine.account.aws_url)

    def up(self) -> str:
        """Deploy and give what the engine said."""
        return self.engine.query_text("up", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        outputs: dict[str, Any] = self.engine.query_json("stack", "output", "--json")
        return outputs

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the stack's state."""
        checkpoint = json.loads(self.engine.checkpoint_file.read_text())["checkpoint"]
        resources: list[dict[str, Any]] = (checkpoint["latest"] or {}).get("resources", [])
        return resources

    def changes(self, *arguments: str) -> dict[str, int]:
        """Preview and give how many resources would change, by operation; `same` is left out."""
        preview = self.engine.query_json("preview", "--json", *arguments)
        return {operation: count for operation, count in preview["changeSummary"].items() if operation != "same"}

    def change(self, **settings: object) -> None:
        """Change settings of this stack alone, to any values."""
        document = yaml.safe_load(self.settings.read_text())
        document["config"] |= {f"{CONFIG_NAMESPACE}:{key}": value for key, value in settings.items()}
        self.settings.write_text(yaml.safe_dump(document))

    def set(self, key: str, value: str) -> None:
        """Change a setting of this stack alone, as `pulumi config set` does."""
        self.engine.query_text("config", "set", key, value)


def new_stack(folder: Path, monkeypatch: pytest.MonkeyPatch, *, like: Deployed | None = None) -> Stack:
    """Start a local account in `folder`, with a stack that has not been deployed or is like the deployed one."""
    monkeypatch.setenv("CFS_LOCAL_DIR", str(folder))
    settings = folder / "settings.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    if like is not None:
        copy_account(like.account, folder)
        servers.ensure_emulators_running(folder, spawn=like.nursery.spawn_copy)
    shutil.copy(PROJECT_FOLDER / "Pulumi.local.yaml", settings)
    engine = LocalEngine(account=open_account(), settings=settings)
    engine.ensure_stack()
    return Stack(engine=engine, settings=settings)


@pytest.fixture
def empty_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A stack that has not been deployed, on an account of its own."""
    stack = new_stack(tmp_path / "account", monkeypatch)
    yield stack
    servers.stop_emulators(stack.engine.account.folder)


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The deployed account at rest, and what starts emulators on copies of it."""

    account: Path
    nursery: ForkServer


@pytest.fixture(scope="session")
def deployed_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The account with the deployed stack: one worker deploys it, and all copy it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", os.getpid())
    folder = tmp_path_factory.getbasetemp().parent / f"deployed-{run}"
    complete = folder / "complete"
    with FileLock(f"{folder}.lock", timeout=600), pytest.MonkeyPatch.context() as monkeypatch:
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            new_stack(folder, monkeypatch).up()
            servers.stop_emulators(folder)
            complete.touch()
    with ForkServer.start_for(folder) as nursery:
        yield Deployed(account=folder, nursery=nursery)


@pytest.fixture(scope="session")
def deployed(deployed_account: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The deployed stack, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("deployed") / "account"
    with pytest.MonkeyPatch.context() as monkeypatch:
        stack = new_stack(folder, monkeypatch, like=deployed_account)
    yield stack
    servers.stop_emulators(folder)


@pytest.fixture
def stack(deployed_account: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The deployed stack on an account of the test's own."""
    copied = new_stack(tmp_path / "account", monkeypatch, like=deployed_account)
    yield copied
    servers.stop_emulators(copied.engine.account.folder)
