"""What an environment runs, and who deploys to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.deploy import releases
from cfs.deploy.lease import read_record
from cfs.deploy.reporting import Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cfs.deploy.documents import Record, Target
    from cfs.deploy.nodes import Node, Nodes
    from cfs.deploy.store import Store


@dataclass(frozen=True, kw_only=True)
class Status:
    """An environment at one moment.

    Attributes:
        environment: The stack's name.
        current: What the pointer names; None: nothing yet.
        before: What it named before.
        record: Who deploys, and how far that is.
        nodes: The nodes that live.
        now: The moment.
    """

    environment: str
    current: Target | None
    before: Target | None
    record: Record
    nodes: Sequence[Node]
    now: datetime

    @property
    def at(self) -> str:
        """What an unfinished roll-out is at; "" where there is none."""
        unfinished = self.record.roll_out
        if unfinished is None:
            return ""
        done = unfinished.stages_done[-1] if unfinished.stages_done else "nothing"
        return f"{unfinished.state}, {done} done" if unfinished.state == "rolling" else unfinished.state


def look(store: Store, nodes: Nodes, *, environment: str, now: datetime) -> Status:
    """Read all of it.

    Raises:
        UserError: AWS does not answer, or there is no such bucket.
    """
    current = releases.read_current(store, environment)
    record, _ = read_record(store, environment)
    return Status(
        environment=environment,
        current=current.target,
        before=current.before,
        record=record,
        nodes=nodes.living(),
        now=now,
    )


def result(status: Status) -> Result:
    """Say it."""
    versions = Counter(
        (node.version or "no version") if node.ready else "nothing yet: booting" for node in status.nodes
    )
    running = ", ".join(f"{count} run {version}" for version, count in sorted(versions.items())) or "none"
    version = status.current.version if status.current else ""
    lines = [
        f"Environment {status.environment}",
        f"  pointer: {version or 'no release yet'}" + (f", before it {status.before.version}" if status.before else ""),
        f"  nodes: {running}",
        f"  roll-out: {_unfinished(status)}",
        f"  lease: {_lease(status)}",
        f"  last: {_last(status)}",
    ]
    rows = "\n".join(f"- {line.strip()}" for line in lines[1:])
    return Result(
        text="\n".join(lines),
        summary=f"### {status.environment}\n\n{rows}\n",
        outputs={"version": version, "rollout": status.at},
        figures={
            "environment": status.environment,
            "version": version,
            "before": status.before.version if status.before else "",
            "nodes": dict(versions),
            "rollout": status.at,
            "record": status.record.model_dump(mode="json", by_alias=True),
        },
    )


def _unfinished(status: Status) -> str:
    unfinished = status.record.roll_out
    if unfinished is None:
        return "none unfinished"
    reason = f" ({unfinished.reason})" if unfinished.reason else ""
    return f"{unfinished.kind} of {unfinished.target.version}: {status.at}{reason}"


def _lease(status: Status) -> str:
    lease = status.record.lease
    if lease is None:
        return "free"
    expires = f"{lease.expires:%Y-%m-%d %H:%M:%S} UTC"
    if lease.expires <= status.now:
        return f"free since {expires}: {lease.holder} is dead"
    return f"held by {lease.holder}, until {expires} if it is not heard of"


def _last(status: Status) -> str:
    last = status.record.last
    if last is None:
        return "none"
    reason = f" ({last.reason})" if last.reason else ""
    return f"{last.kind} of {last.target.version}, {last.outcome} {last.ended:%Y-%m-%d %H:%M} UTC{reason}"
