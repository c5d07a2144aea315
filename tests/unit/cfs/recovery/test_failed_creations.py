"""Resources whose creation failed are adopted if AWS made them, and only those."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from cfs.engine import EngineError
from cfs.recovery import failed_creations
from cfs.recovery.failed_creations import UnansweredCreationsError
from terminal.errors import UserError

if TYPE_CHECKING:
    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine

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


def deploy(engine: FailingEngine, *, exists: bool = True) -> list[dict[str, Any]]:
    """Deploy, and return the entries that were looked for in the account."""
    looked_for: list[dict[str, Any]] = []

    def adopt(_engine: object, _aws: object, _exported: object, created: list[dict[str, Any]]) -> list[str]:
        looked_for.extend(created)
        return [entry["urn"] for entry in created] if exists else []

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(UnansweredCreationsError):
        patch.setattr(failed_creations, "adopt_creations", adopt)
        failed_creations.deploy_stack(cast("StackEngine", engine), lambda: cast("AwsAccount", None), to_stderr=True)
    return looked_for


@pytest.mark.parametrize("message", [EXISTS, "https response error StatusCode: 0, request send failed, EOF"])
def test_a_creation_that_aws_may_have_made_is_looked_for_in_the_account(message: str) -> None:
    [entry] = deploy(FailingEngine(message))
    assert (entry["urn"], entry["inputs"], "id" in entry) == (URN, {"name": "node"}, False)


def test_what_the_account_does_not_have_is_left_to_the_engine_to_explain() -> None:
    with pytest.raises(EngineError):
        deploy(FailingEngine(EXISTS), exists=False)


def test_a_resource_that_the_engine_recorded_is_not_looked_for() -> None:
    engine = FailingEngine("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", recorded=True)
    assert deploy(engine) == []


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


@pytest.mark.parametrize("code", ["VcpuLimitExceeded", "MaxSpotInstanceCountExceeded"])
def test_a_used_up_quota_is_explained_with_the_command_that_names_it(code: str) -> None:
    engine = FailingEngine(f"creating EC2 Instance: {code}: You have requested more vCPU capacity")
    with pytest.raises(UserError, match="quota of vCPUs is used up") as caught:
        deploy(engine)
    assert "cfs doctor --environment prod --phase 1" in caught.value.repair
