"""Failed creations that AWS may have made are recorded as pending, and only those."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from cfs.engine import EngineError, StackEngine
from cfs.recovery.failed_creations import UnansweredCreationsError, deploy_stack
from terminal.errors import UserError

URN = "urn:pulumi:prod::claudefs-infra::aws:iam/role:Role::node"
EXISTS = "operation error IAM: CreateRole, EntityAlreadyExists: Role with name node already exists."
PROVIDER = "urn:pulumi:prod::claudefs-infra::pulumi:providers:aws::default::1"


class FailingEngine:
    """An engine whose deployment fails to create a resource."""

    stack_name = "prod"

    def __init__(
        self, message: str, *, op: str = "create", recorded: bool = False, kind: str = "aws:iam/role:Role"
    ) -> None:
        """Fail with a message.

        Args:
            message: The error.
            op: The operation that fails.
            recorded: Whether the engine records the resource nevertheless.
            kind: The resource's type.
        """
        self._message, self._op, self._kind = message, op, kind
        resources = [{"urn": URN, "id": "node"}] if recorded else []
        self.state: dict[str, Any] = {"deployment": {"resources": resources}}

    def run_operation(self, operation: str, *arguments: str, to_stderr: bool = False) -> None:
        """Write the log, and fail."""
        assert (operation, to_stderr) == ("up", True)
        new = {"urn": URN, "type": self._kind, "inputs": {"name": "node"}, "provider": PROVIDER, "id": ""}
        events = [
            {"resOpFailedEvent": {"metadata": {"op": self._op, "urn": URN, "new": new}}},
            {"diagnosticEvent": {"urn": URN, "severity": "error", "message": self._message}},
            {"diagnosticEvent": {"severity": "error", "message": "update failed"}},
        ]
        log = Path(arguments[arguments.index("--event-log") + 1])
        log.write_text("".join(f"{json.dumps(event)}\n" for event in events))
        raise EngineError(operation=operation, status=1)

    def query_json(self, *_: str) -> dict[str, Any]:
        """Export the state."""
        return self.state

    def query_text(self, *arguments: str) -> str:
        """Import a state."""
        self.state = json.loads(Path(arguments[-1]).read_text())
        return ""

    def pending(self) -> list[dict[str, Any]]:
        """Return the recorded operations."""
        return list(self.state["deployment"].get("pending_operations", []))


def deploy(engine: FailingEngine) -> None:
    deploy_stack(cast("StackEngine", engine), to_stderr=True)


@pytest.mark.parametrize("message", [EXISTS, "https response error StatusCode: 0, request send failed, EOF"])
def test_a_creation_that_aws_may_have_made_is_recorded_for_the_next_deployment(message: str) -> None:
    engine = FailingEngine(message)
    with pytest.raises(UnansweredCreationsError, match="AWS may have created node") as caught:
        deploy(engine)
    [pending] = engine.pending()
    assert pending["type"] == "creating"
    assert pending["resource"]["inputs"] == {"name": "node"}
    assert "id" not in pending["resource"]
    assert "deploy again" in caught.value.repair


def test_a_resource_that_the_engine_recorded_is_not_recorded_twice() -> None:
    engine = FailingEngine("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", recorded=True)
    with pytest.raises(UnansweredCreationsError):
        deploy(engine)
    assert engine.pending() == []


@pytest.mark.parametrize(
    "engine",
    [
        FailingEngine("MalformedPolicyDocument: Syntax errors in policy."),
        FailingEngine(EXISTS, op="update"),
        FailingEngine("422 already_exists", kind="github:index/repository:Repository"),
    ],
)
def test_other_failures_are_left_to_the_engine_to_explain(engine: FailingEngine) -> None:
    with pytest.raises(EngineError):
        deploy(engine)
    assert engine.pending() == []


@pytest.mark.parametrize("code", ["VcpuLimitExceeded", "MaxSpotInstanceCountExceeded"])
def test_a_used_up_quota_is_explained_with_the_command_that_names_it(code: str) -> None:
    engine = FailingEngine(f"creating EC2 Instance: {code}: You have requested more vCPU capacity")
    with pytest.raises(UserError, match="quota of vCPUs is used up") as caught:
        deploy(engine)
    assert "cfs doctor --environment prod --phase 1" in caught.value.repair
