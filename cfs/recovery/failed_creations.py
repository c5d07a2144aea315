"""Deploys a stack, and adopts resources that AWS created although the deployment saw their creation fail.

If the answer to a creation is lost, the provider repeats it, and AWS answers that the resource exists already. Such a
resource is adopted as after a dead run.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfs.engine import EngineError
from cfs.recovery.pending_operations import adopt_creations
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine

_MAY_EXIST = re.compile(
    r"already|\wExists\b|Duplicate|InUse|Conflict|InstanceSessionsPerInstanceProfile"
    r"|request send failed|EOF|connection reset|timeout|StatusCode: 5\d\d"
)
"""Error codes and words of AWS, its SDK and its provider. A profile has one role, which a second call adds."""

_QUOTA_USED = re.compile(r"VcpuLimitExceeded|MaxSpotInstanceCountExceeded")
_OF_ENTRY = ("urn", "type", "custom", "inputs", "parent", "protect", "retainOnDelete", "provider")
"""Fields of a resource in the engine's log that its state entry has as well."""


class UnansweredCreationsError(UserError):
    """AWS created resources whose creation failed; they are in the state now."""


@dataclass(frozen=True, kw_only=True)
class FailedCreation:
    """A creation that failed.

    Attributes:
        entry: The resource's state entry, without its ID.
        message: The error.
    """

    entry: dict[str, Any]
    message: str

    @property
    def may_exist(self) -> bool:
        """Whether AWS may have created the resource."""
        return self.entry["type"].startswith("aws:") and _MAY_EXIST.search(self.message) is not None


def deploy_stack(
    engine: StackEngine, connect: Callable[[], AwsAccount], *arguments: str, to_stderr: bool = False
) -> None:
    """Deploy the stack with live output.

    Args:
        engine: The stack's engine.
        connect: Connects to the stack's account.
        arguments: Further arguments of `pulumi up`.
        to_stderr: As for `run_operation`.

    Raises:
        EngineError: The deployment failed, and the engine's output explains why.
        UnansweredCreationsError: AWS created resources whose creation failed.
    """
    with tempfile.TemporaryDirectory(prefix="cfs-up-") as folder:
        log = Path(folder, "events.json")
        try:
            engine.run_operation(
                "up", "--yes", "--skip-preview", *arguments, "--event-log", str(log), to_stderr=to_stderr
            )
        except EngineError:
            failed = read_failed_creations(log)
            created = _adopt_unanswered(engine, connect, [of.entry for of in failed if of.may_exist])
            if created:
                raise _unanswered_error(created) from None
            if any(_QUOTA_USED.search(creation.message) for creation in failed):
                raise _quota_error(engine.stack_name) from None
            raise


def read_failed_creations(log: Path) -> list[FailedCreation]:
    """Return the failed creations in an engine's log, which has one JSON object per line."""
    if not log.exists():
        return []
    entries: dict[str, dict[str, Any]] = {}
    messages: dict[str, str] = {}
    for event in map(json.loads, log.read_text(encoding="utf-8").splitlines()):
        failed = event.get("resOpFailedEvent", {}).get("metadata", {})
        if failed.get("op") in ("create", "create-replacement"):
            entries[failed["urn"]] = {field: failed["new"][field] for field in _OF_ENTRY if field in failed["new"]}
        said = event.get("diagnosticEvent", {})
        if said.get("severity") == "error" and said.get("urn"):
            messages[said["urn"]] = messages.get(said["urn"], "") + said["message"]
    return [FailedCreation(entry=entry, message=messages.get(urn, "")) for urn, entry in entries.items()]


def _adopt_unanswered(
    engine: StackEngine, connect: Callable[[], AwsAccount], entries: Sequence[dict[str, Any]]
) -> list[str]:
    """Adopt resources that exist in the account, and return the URNs of those and of ones that the engine recorded."""
    if not entries:
        return []
    exported = engine.query_json("stack", "export")
    # The engine records a resource whose creation failed after it got an ID.
    resources = exported["deployment"].get("resources") or []
    recorded = {resource["urn"] for resource in resources if not resource.get("delete")}
    missing = [entry for entry in entries if entry["urn"] not in recorded]
    adopted = adopt_creations(engine, connect(), exported, missing) if missing else []
    return [*(entry["urn"] for entry in entries if entry["urn"] in recorded), *adopted]


def _unanswered_error(urns: Sequence[str]) -> UnansweredCreationsError:
    names = ", ".join(urn.rpartition("::")[2] for urn in urns)
    return UnansweredCreationsError(
        f"AWS created {names}, although the deployment got no answer or an error; the state has it now.",
        repair="deploy again",
    )


def _quota_error(environment: str) -> UserError:
    return UserError(
        "AWS refused to launch an instance, because the account's quota of vCPUs is used up.",
        repair=f"`cfs doctor --environment {environment} --phase 1` names the quota, what the settings need, and the "
        "command that requests it; deploy again when AWS has approved it",
    )
