"""`cfs deploy status`: what an environment runs, and who is deploying to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.deploy import releases
from cfs.deploy.lease import read_deploy_record
from terminal.results import CommandResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.deploy.node_list import Node, NodeLister
    from cfs.deploy.stored_documents import DeployRecord, ReleaseTarget


@dataclass(frozen=True, kw_only=True)
class EnvironmentStatus:
    """Status of an environment.

    Attributes:
        environment: The stack's name.
        current: The release that the pointer names; None before the first deployment.
        before: The release that the pointer named before that.
        record: Holder of the lease and progress of the roll-out.
        nodes: Pending and running nodes.
        now: Time of the status.
    """

    environment: str
    current: ReleaseTarget | None
    before: ReleaseTarget | None
    record: DeployRecord
    nodes: Sequence[Node]
    now: datetime

    @property
    def roll_out_progress(self) -> str:
        """Progress of an unfinished roll-out, or ""."""
        unfinished = self.record.roll_out
        if unfinished is None:
            return ""
        done = unfinished.stages_done[-1] if unfinished.stages_done else "nothing"
        return f"{unfinished.state}, {done} done" if unfinished.state == "rolling" else unfinished.state


def read_environment_status(
    store: ArtifactStore, nodes: NodeLister, *, environment: str, now: datetime
) -> EnvironmentStatus:
    """Read an environment's pointer, record and nodes."""
    current = releases.read_current_release(store, environment)
    record, _ = read_deploy_record(store, environment)
    return EnvironmentStatus(
        environment=environment,
        current=current.target,
        before=current.before,
        record=record,
        nodes=nodes.list_living(),
        now=now,
    )


def status_result(status: EnvironmentStatus) -> CommandResult:
    """Return the status as text, figures and outputs of a job."""
    versions = Counter(
        (node.version or "no version") if node.is_ready else "nothing yet: booting" for node in status.nodes
    )
    running = ", ".join(f"{count} run {version}" for version, count in sorted(versions.items())) or "none"
    version = status.current.version if status.current else ""
    lines = [
        f"Environment {status.environment}",
        f"  pointer: {version or 'no release yet'}" + (f", before it {status.before.version}" if status.before else ""),
        f"  nodes: {running}",
        f"  roll-out: {_unfinished_text(status)}",
        f"  lease: {_lease_text(status)}",
        f"  last: {_last_text(status)}",
    ]
    rows = "\n".join(f"- {line.strip()}" for line in lines[1:])
    return CommandResult(
        text="\n".join(lines),
        job_summary=f"### {status.environment}\n\n{rows}\n",
        job_outputs={"version": version, "rollout": status.roll_out_progress},
        figures={
            "environment": status.environment,
            "version": version,
            "before": status.before.version if status.before else "",
            "nodes": dict(versions),
            "rollout": status.roll_out_progress,
            "record": status.record.model_dump(mode="json", by_alias=True),
        },
    )


def _unfinished_text(status: EnvironmentStatus) -> str:
    unfinished = status.record.roll_out
    if unfinished is None:
        return "none unfinished"
    reason = f" ({unfinished.reason})" if unfinished.reason else ""
    return f"{unfinished.kind} of {unfinished.target.version}: {status.roll_out_progress}{reason}"


def _lease_text(status: EnvironmentStatus) -> str:
    lease = status.record.lease
    if lease is None:
        return "free"
    expires = f"{lease.expires:%Y-%m-%d %H:%M:%S} UTC"
    if lease.expires <= status.now:
        return f"free since {expires}: {lease.holder} is dead"
    return f"held by {lease.holder}, until {expires} unless renewed"


def _last_text(status: EnvironmentStatus) -> str:
    last = status.record.last
    if last is None:
        return "none"
    reason = f" ({last.reason})" if last.reason else ""
    return f"{last.kind} of {last.target.version}, {last.outcome} {last.ended:%Y-%m-%d %H:%M} UTC{reason}"
