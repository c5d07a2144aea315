"""Roll-outs with real boto3 clients and moto. test_rights.py also rolls releases out and back with these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse

from cfs.aws import CLIENT_CONFIG
from cfs.deploy.artifact_store import ArtifactStore
from terminal.errors import UserError
from tests.unit.cfs.deploy.conftest import BUCKET, ENVIRONMENT, REGION, client, console_aws

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cfs.deploy.conftest import World


def test_nodes_of_other_environments_and_the_orchestrator_are_left_alone(emulated_world: World) -> None:
    world = emulated_world
    ours = world.launch("client")
    orchestrator = {"project": "claudefs", "Environment": ENVIRONMENT, "Role": "orchestrator", "BootState": "ready"}
    world.account.launch(orchestrator, 1)
    world.account.launch({**orchestrator, "Environment": "prod", "NodeGroup": "storage-a"}, 1)
    world.account.launch({**orchestrator, "project": "other", "NodeGroup": "storage-a"}, 1)
    assert [node.id for node in world.means().nodes.list_living()] == ours


def test_a_stack_without_its_documents_is_refused_with_the_repair(emulated_world: World) -> None:
    world = emulated_world
    world.runs("v1.0.0")
    world.launch("storage", site="A")
    client("ssm", watched=False).delete_document(Name=f"claudefs-{ENVIRONMENT}-install")
    with pytest.raises(UserError, match=r"ssm:SendCommand of claudefs-test-install: .*InvalidDocument") as raised:
        world.roll_out(world.published("v1.1.0"))
    assert "cfs deploy apply" in raised.value.repair


def throttling(times: int) -> tuple[Callable[..., AWSResponse | None], list[str]]:
    """Throttle the first calls as AWS does."""
    seen: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        seen.append(request.headers["X-Amz-Target"].decode())
        if len(seen) > times:
            return None

        class Body:
            def stream(self) -> Any:
                yield b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'

        return AWSResponse(request.url, 400, {"Content-Type": "application/x-amz-json-1.1"}, Body())

    return answer, seen


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip botocore's waits between retries, and before later calls."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)


@pytest.mark.usefixtures("no_waiting")
def test_a_call_that_aws_throttles_is_repeated(emulated_world: World) -> None:
    world = emulated_world
    world.runs("v1.0.0")
    nodes = world.launch("client")
    ssm = client("ssm")
    answer, seen = throttling(3)
    ssm.meta.events.register_first("before-send.ssm.SendCommand", answer, unique_id="throttle")
    try:
        assert world.roll_out(world.published("v1.1.0")).result == "done"
    finally:
        ssm.meta.events.unregister("before-send.ssm.SendCommand", unique_id="throttle")
    assert len(seen) > 3
    assert world.versions() == dict.fromkeys(nodes, "v1.1.0")


@pytest.mark.usefixtures("no_waiting")
def test_endless_throttling_stops_the_roll_out_and_the_same_command_finishes_it(emulated_world: World) -> None:
    world = emulated_world
    world.runs("v1.0.0")
    nodes = world.launch("client")
    new = world.published("v1.1.0")
    ssm = client("ssm")
    answer, seen = throttling(1000)
    ssm.meta.events.register_first("before-send.ssm.SendCommand", answer, unique_id="throttle")
    try:
        with pytest.raises(UserError, match="Rate exceeded") as raised:
            world.roll_out(new)
    finally:
        ssm.meta.events.unregister("before-send.ssm.SendCommand", unique_id="throttle")
    assert len(seen) == CLIENT_CONFIG.retries["total_max_attempts"]
    assert "same command again" in raised.value.repair
    assert world.record().lease is None
    assert world.roll_out(new).result == "done"
    assert world.versions() == dict.fromkeys(nodes, "v1.1.0")


def test_an_environment_without_a_bucket_is_refused_with_the_repair(emulated_world: World) -> None:
    del emulated_world
    with pytest.raises(UserError, match="NoSuchBucket") as raised:
        ArtifactStore(console_aws(), bucket=f"{BUCKET}-{REGION}").read_object("key")
    assert "cfs deploy apply" in raised.value.repair
