"""Fixtures with the real engine and the real providers on emulators of this test run."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

from cfs.engine import POLICY_PACK, EngineError
from local import servers
from local.account import open_account
from local.environment import LocalEnvironment
from tests.e2e.console import call_cfs
from tests.e2e.language_hosts import PYTHON_VARIABLE, serve_language_hosts
from tests.e2e.nodes import launch_nodes
from tests.e2e.nursery import ForkServer
from tests.e2e.stacks import new_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer

    from local.account import LocalAccount
    from tests.e2e.stacks import Stack

HOLIDAY, EXTRA_DAY = "2090-12-25", "2090-12-30"
"""Days in the distant future."""
CHANGED_SETTINGS: dict[str, object] = {
    "nodeGroups": {
        "storage-a": {"count": 300, "onDemandBase": 2, "onDemandPercent": 40},
        "storage-b": {"count": 200},
        "fuse-client": {"rootDiskGib": 80},
        "fio": {"role": "client", "site": "B", "count": 2, "instanceTypes": ["c7i.4xlarge"]},
        "jepsen": {"enabled": False},
        "conduit": {"count": 0},
    },
    "dailyBudgetUsd": 120,
    "orchestratorHours": "weekdays",
    "holidays": [HOLIDAY],
    "extraDays": [EXTRA_DAY],
}


CHANGED_ACCOUNT = "the account with changed settings"
SHARED = {
    "test_changed_settings.py": CHANGED_ACCOUNT,
    "test_destroy.py": CHANGED_ACCOUNT,
    "test_rights.py": CHANGED_ACCOUNT,
    "test_field_names.py": "the plugins",
    "test_scheduled_actions.py": "the account at dawn",
}
"""What the tests of a module share, so that one worker runs them all."""


class _SharingScheduler(LoadScopeScheduling):  # type: ignore[misc]  # xdist publishes no types
    """Assigns tests that share a fixture to the same worker.

    `--dist loadgroup` is meant for that, but has no effect with pytest 9.2:
    https://github.com/pytest-dev/pytest-xdist/issues/1386.
    """

    def _split_scope(self, nodeid: str) -> str:
        return SHARED.get(Path(nodeid.partition("::")[0]).name, nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Distribute tests by what they share; the largest group is first."""
    return _SharingScheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that do not need the deployed account first, and short ones last, to keep all workers busy."""
    items.sort(key=_place_of)


def _place_of(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    if "empty_stack" in fixtures:
        return 0
    if "deployed_account" not in fixtures:
        return 1
    return 2 if "stack" in fixtures else 3


@pytest.fixture(scope="session", autouse=True)
def forked_language_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A fork server of language hosts for all engines of the tests."""
    with serve_language_hosts(tmp_path_factory.mktemp("hosts")) as program, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(PYTHON_VARIABLE, str(program))
        yield


@pytest.fixture
def own_language_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start language hosts as for users; a kill of the engine's processes does not reach a fork."""
    monkeypatch.delenv(PYTHON_VARIABLE)


@pytest.fixture(scope="session")
def blank_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """A fork server of emulators with an empty account."""
    with ForkServer.start_for(tmp_path_factory.mktemp("blank")) as nursery:
        yield nursery


@pytest.fixture
def empty_stack(blank_account: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A stack that has not been deployed, on a separate account."""
    stack = new_stack(tmp_path / "account", monkeypatch, spawn=blank_account.spawn_copy)
    yield stack
    servers.stop_emulators(stack.folder)


@pytest.fixture
def account(blank_account: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAccount]:
    """An empty account."""
    folder = tmp_path / "account"
    monkeypatch.setenv("CFS_LOCAL_DIR", str(folder))
    folder.mkdir()
    servers.ensure_emulators_running(folder, spawn=blank_account.spawn_copy)
    yield open_account()
    servers.stop_emulators(folder)


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The deployed account, stopped, with a fork server of emulators on copies of it.

    Attributes:
        account: The account's folder.
        nursery: The fork server.
        reviewed: Output of `cfs deploy preview` on the empty account.
        applied: Output of the following `cfs deploy apply`.
        actions: The IAM actions that both needed.
    """

    account: Path
    nursery: ForkServer
    reviewed: dict[str, Any]
    applied: dict[str, Any]
    actions: frozenset[str]


@pytest.fixture(scope="session")
def deployed_account(tmp_path_factory: pytest.TempPathFactory, blank_account: ForkServer) -> Iterator[Deployed]:
    """The account with the deployed stack; one worker deploys it, and all workers copy it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", os.getpid())
    folder = tmp_path_factory.getbasetemp().parent / f"deployed-{run}"
    record = folder / "deployment.json"
    with FileLock(f"{folder}.lock", timeout=600), pytest.MonkeyPatch.context() as monkeypatch:
        if not record.exists():
            shutil.rmtree(folder, ignore_errors=True)
            stack = new_stack(folder, monkeypatch, spawn=blank_account.spawn_copy)
            made = deploy_as_reviewed(stack, monkeypatch)
            servers.stop_emulators(folder)
            record.write_text(json.dumps(made))
    made = json.loads(record.read_text())
    with ForkServer.start_for(folder) as nursery:
        yield Deployed(
            account=folder,
            nursery=nursery,
            reviewed=made["reviewed"],
            applied=made["applied"],
            actions=frozenset(made["actions"]),
        )


def deploy_as_reviewed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Deploy with the workflow's commands, and return their output and IAM actions."""
    engine = replace(stack.engine, policy_pack=POLICY_PACK)
    monkeypatch.setattr(LocalEnvironment, "open_engine", lambda _: engine)
    review = str(stack.folder / "review.json")
    reviewed = call_cfs("deploy", "preview", "--environment", "local", "--review", review, "--json").json()
    approved = ("--digest", reviewed["digest"], "--review", review)
    applied = call_cfs("deploy", "apply", "--environment", "local", *approved, "--json").json()
    return {"reviewed": reviewed, "applied": applied, "actions": sorted(stack.called_actions())}


@pytest.fixture(scope="session")
def deployed(deployed_account: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The deployed stack, shared by tests that change nothing."""
    folder = tmp_path_factory.mktemp("deployed") / "account"
    with pytest.MonkeyPatch.context() as monkeypatch:
        stack = new_stack(folder, monkeypatch, spawn=deployed_account.nursery.spawn_copy, like=deployed_account.account)
    yield stack
    servers.stop_emulators(folder)


@pytest.fixture
def stack(deployed_account: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The deployed stack on a separate account for the test."""
    folder = tmp_path / "account"
    copied = new_stack(folder, monkeypatch, spawn=deployed_account.nursery.spawn_copy, like=deployed_account.account)
    yield copied
    servers.stop_emulators(folder)


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The deployed stack after a deployment that changed many settings.

    Attributes:
        stack: The stack.
        before: IDs of resources before the change, by URN.
        previewed: Steps in the preview of the change.
        node: ID of a fuse-client node that was running before the change.
        deploying: The IAM actions that the deployment needed.
        previewing: The IAM actions that a following preview with a refresh needed.
        changes: Steps in that preview.
    """

    stack: Stack
    before: dict[str, str]
    previewed: list[dict[str, Any]]
    node: str
    deploying: frozenset[str]
    previewing: frozenset[str]
    changes: list[dict[str, Any]]


@pytest.fixture(scope="session")
def changed(deployed_account: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    """A stack with changed settings, on an account with running nodes and a stopped orchestrator.

    `SHARED` gives the tests that use it to one worker, which creates it.
    """
    folder = tmp_path_factory.mktemp("changed") / "account"
    with pytest.MonkeyPatch.context() as monkeypatch:
        stack = new_stack(folder, monkeypatch, spawn=deployed_account.nursery.spawn_copy, like=deployed_account.account)
    [node] = launch_nodes(stack, "fuse-client", 1, most=2)
    launch_nodes(stack, "storage-b", 2)
    launch_nodes(stack, "jepsen", 1)
    stack.client("ec2").stop_instances(InstanceIds=[stack.outputs()["orchestratorId"]])
    before = stack.ids()
    stack.change(**CHANGED_SETTINGS)
    previewed = stack.preview()
    stack.forget_actions()
    stack.up()
    deploying = frozenset(stack.called_actions())
    stack.forget_actions()
    changes = stack.preview("--refresh")
    yield Changed(
        stack=stack,
        before=before,
        previewed=previewed,
        node=node["InstanceId"],
        deploying=deploying,
        previewing=frozenset(stack.called_actions()),
        changes=changes,
    )
    servers.stop_emulators(folder)


@dataclass(frozen=True, kw_only=True)
class Destroyed:
    """A stack after its destruction.

    Attributes:
        stack: The stack.
        state_bucket: Name of the state bucket.
        key_id: ID of the encryption key.
        actions: The IAM actions that the destruction needed.
    """

    stack: Stack
    state_bucket: str
    key_id: str
    actions: frozenset[str]


@pytest.fixture(scope="session")
def destroyed(changed: Changed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Destroyed]:
    """The changed stack, destroyed on a separate account."""
    folder = tmp_path_factory.mktemp("destroyed") / "account"
    with pytest.MonkeyPatch.context() as monkeypatch:
        stack = new_stack(folder, monkeypatch, spawn=servers.spawn_emulator, like=changed.stack.folder)
    outputs = stack.outputs()
    launch_nodes(stack, "storage-b", 3)
    before = stack.ids()
    # The preview refuses this; without it, the engine would destroy other resources before reaching a protected one.
    with pytest.raises(EngineError, match="protect"):
        stack.engine.query_text("destroy", "--yes")
    assert stack.ids() == before
    stack.forget_actions()
    stack.engine.query_text("destroy", "--yes", "--skip-preview", "--exclude-protected")
    yield Destroyed(
        stack=stack,
        state_bucket=outputs["stateBucket"],
        key_id=outputs["encryptionKeyArn"].rpartition("/")[2],
        actions=frozenset(stack.called_actions()),
    )
    servers.stop_emulators(folder)
