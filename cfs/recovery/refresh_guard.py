"""Keeps a refresh from losing resources.

The provider reports a resource as gone on some AWS errors, including any error of HeadBucket (`findBucket` in its
`internal/service/s3/bucket.go`), and the engine then drops it from the state, even if it is protected. So the state
from before a refresh is kept until the dropped resources have been checked. A refresh never removes a protected
resource from the state.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfs.doctor.preflight import check_github
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine
    from cfs.recovery.resource_presence import ResourcePresence


@dataclass(frozen=True, kw_only=True)
class DroppedResource:
    """A resource that a refresh has dropped from the state.

    Attributes:
        urn: URN.
        type: Pulumi's type token.
        id: Provider ID.
        protected: Whether the stack protects the resource.
    """

    urn: str
    type: str
    id: str
    protected: bool


@dataclass(frozen=True, kw_only=True)
class RefreshGuard:
    """Guards the refreshes of one stack.

    Attributes:
        engine: Engine of the stack.
        connect: Connects to the stack's account; called only if a refresh has dropped a resource.
    """

    engine: StackEngine
    connect: Callable[[], AwsAccount]

    @property
    def kept(self) -> Path:
        """File with the state from before a refresh, kept until the dropped resources have been checked."""
        return self.engine.work_folder / f"before-refresh-{self.engine.stack_name}.json"

    def refresh(self, run: Callable[[], object], *, before: dict[str, Any] | None = None) -> None:
        """Run a refresh, and restore the state if it has lost a resource.

        Args:
            run: Runs the refresh.
            before: The exported state, if the caller has it.
        """
        _write_whole(self.kept, before or self.engine.query_json("stack", "export"))
        try:
            run()
        finally:
            # A refresh that fails halfway may have dropped resources, too.
            self.settle()

    def settle(self) -> None:
        """Check the resources that the last refresh dropped, unless that is done: its command may have died first."""
        if not self.kept.exists():
            return
        before = json.loads(self.kept.read_text())
        recorded, present = (
            _exported_resources(state) for state in (before, self.engine.query_json("stack", "export"))
        )
        dropped = find_dropped(recorded, present)
        answers = self._ask_all(dropped) if dropped else []
        lost = [(resource, answer) for resource, answer in answers if is_lost(resource, answer)]
        if lost and _is_newer(present, recorded):
            old = self.kept.replace(self.kept.with_suffix(".old.json"))
            console.print(f"The stack has changed since a refresh that died; the state from before it is in {old}.")
            return
        if lost:
            self.engine.query_text("stack", "import", "--file", str(self.kept))
        self.kept.unlink()
        if lost:
            raise _loss_error(lost, stack=self.engine.stack_name)

    def _ask_all(self, dropped: Sequence[DroppedResource]) -> list[tuple[DroppedResource, ResourcePresence]]:
        # Importing boto3 takes a quarter of a second, and most refreshes drop nothing.
        from cfs.recovery.resource_presence import ask_presence  # noqa: PLC0415

        aws = self.connect()
        return [(resource, ask_presence(aws, resource.type, resource.id)) for resource in dropped]


def refresh_stack(engine: StackEngine, connect: Callable[[], AwsAccount], *, retry_command: str) -> None:
    """Refresh a stack's state, and show the changes that were made outside Pulumi.

    Args:
        engine: Engine of the stack.
        connect: Connects to the stack's account.
        retry_command: Command for the user to repeat after a repair.
    """
    check_github(engine, retry_command=retry_command, deploys=False)
    engine.recover_stack()
    guard = RefreshGuard(engine=engine, connect=connect)
    guard.settle()
    guard.refresh(lambda: engine.run_operation("refresh", "--yes", "--skip-preview", "--diff"))


def find_dropped(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> list[DroppedResource]:
    """Return the resources that an earlier state has and a later one lacks, except providers and components."""
    kept = {(resource["urn"], resource.get("id")) for resource in after}
    return [
        DroppedResource(
            urn=resource["urn"],
            type=resource["type"],
            id=resource["id"],
            protected=bool(resource.get("protect")),
        )
        for resource in before
        if resource.get("id")
        and not resource.get("delete")
        and not resource["type"].startswith("pulumi:")
        and (resource["urn"], resource["id"]) not in kept
    ]


def is_lost(resource: DroppedResource, answer: ResourcePresence) -> bool:
    """Return whether a dropped resource must go back: it is protected, AWS still has it, or the answer is unclear.

    Parts of a bucket that the next deployment puts again never must.
    """
    return answer.verdict != "renewable" and (resource.protected or answer.verdict in ("there", "unclear"))


def _exported_resources(exported: dict[str, Any]) -> list[dict[str, Any]]:
    return exported["deployment"].get("resources") or []


def _is_newer(present: Sequence[dict[str, Any]], recorded: Sequence[dict[str, Any]]) -> bool:
    """Return whether a state has resources that a refresh cannot have added."""
    return not {resource["urn"] for resource in present} <= {resource["urn"] for resource in recorded}


def _write_whole(path: Path, exported: dict[str, Any]) -> None:
    """Write a file atomically, readable only by this user: it may contain encrypted secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=path.parent, suffix=".json")
    with os.fdopen(descriptor, "w") as file:
        json.dump(exported, file)
    Path(new).replace(path)


def _loss_error(lost: Sequence[tuple[DroppedResource, ResourcePresence]], *, stack: str) -> UserError:
    lines = [
        f"  {resource.urn.rpartition('::')[2]} ({resource.type}, {resource.id}): "
        f"{'protected; ' if resource.protected else ''}{answer.said}"
        for resource, answer in lost
    ]
    gone = [resource.urn for resource, answer in lost if answer.verdict == "gone"]
    repairs = [
        *(f"`pulumi state unprotect --stack {stack} '{urn}'` to accept its loss" for urn in gone),
        *(["find out why AWS answers so: rights, a proxy, another account"] if len(gone) < len(lost) else []),
    ]
    return UserError(
        "The refresh dropped resources that are protected or not known to be gone; the state has been restored:\n"
        + "\n".join(lines),
        repair="; ".join([*repairs, "then run the same command again"]),
    )
