"""Rolls a release out to all nodes of an environment in stages, or rolls it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from cfs.deploy import releases
from cfs.deploy.next_action import next_roll_back, next_roll_out
from cfs.deploy.stages import STAGES_BY_KIND, choose_batch, choose_stage_nodes
from cfs.deploy.stored_documents import EndedRollOut, ReleaseTarget, RollOut
from terminal.errors import UserError
from terminal.markdown import code_span, markdown_table
from terminal.progress import console
from terminal.results import CommandResult

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cfs.clock import Clock
    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.deploy.lease import HeldRecord
    from cfs.deploy.node_list import Node, NodeLister
    from cfs.deploy.run_commands import NodeCommandName, NodeCommandRunner
    from cfs.deploy.stages import Stage

_SLICE_SECONDS = 30.0
"""Longest sleep, so the lease is renewed in time."""

_CLEAN_POLLS = 2
"""Consecutive polls that must find nothing left to do: EC2 may list a new instance late."""

_NAMED_NODES = 5
"""Maximum number of nodes that a reason names; the result lists all."""

RETURNED_EXIT_CODE = 3
"""Exit code: the release failed a stage, and every node that had installed it runs the previous version again."""

UNSETTLED_EXIT_CODE = 4
"""Exit code: some nodes do not run the version that the pointer names."""

RollOutResult = Literal["done", "unchanged", "returned", "unsettled"]
"""`done`: all nodes run the target. `unchanged`: they ran it before. `returned`: the nodes that had installed it run
the previous version again. `unsettled`: some nodes do not run the version that the pointer names."""


@dataclass(frozen=True, kw_only=True)
class RollOutTimeouts:
    """Time-outs of a roll-out, in seconds.

    Attributes:
        install: Installation on all nodes of a batch.
        probe: Answers of all nodes to a probe.
        gate: Time for a red probe to turn green. It is longer than AWS's two-minute notice: a spot node stops its units
            on the notice, and must be terminated before it can count as failed.
        boot: Boot of a node.
        poll: Interval between two polls.
    """

    install: float = 600.0
    probe: float = 120.0
    gate: float = 180.0
    boot: float = 900.0
    poll: float = 10.0


@dataclass(frozen=True, kw_only=True)
class RollOutOutcome:
    """Outcome of a roll-out.

    Attributes:
        result: The outcome.
        is_as_asked: Whether the command asked for this outcome.
        kind: `roll-out` or `roll-back`.
        target: The release that was rolled out.
        version: The version that the pointer names now, or "".
        nodes: Number of nodes that run this version.
        reason: Why the target was not reached, or "".
        red_nodes: IDs of the nodes that failed, with their output.
    """

    result: RollOutResult
    is_as_asked: bool
    kind: str
    target: ReleaseTarget
    version: str
    nodes: int
    reason: str = ""
    red_nodes: Mapping[str, str] = field(default_factory=dict)


class StageFailedError(Exception):
    """Nodes of a stage are red."""

    def __init__(self, stage: str, red: Mapping[str, str]) -> None:
        """Name the stage and its red nodes."""
        named = "; ".join(f"{node}: {detail}" for node, detail in sorted(red.items())[:_NAMED_NODES])
        more = f"; and {len(red) - _NAMED_NODES} more nodes" if len(red) > _NAMED_NODES else ""
        super().__init__(f"stage {stage}: {named}{more}")
        self.red_nodes = red


@dataclass(frozen=True, kw_only=True)
class RollOutContext:
    """Dependencies and options of a roll-out; a stage must stay green for `soak_seconds` before the next begins."""

    environment: str
    store: ArtifactStore
    nodes: NodeLister
    commands: NodeCommandRunner
    held_record: HeldRecord
    clock: Clock
    timeouts: RollOutTimeouts
    soak_seconds: float


def run_roll_out(context: RollOutContext, *, wanted: ReleaseTarget) -> RollOutOutcome:
    """Roll a release out to all nodes, or resume its roll-out."""
    with context.held_record.hold_lease():
        current = releases.read_current_release(context.store, context.environment)
        unfinished = context.held_record.record.roll_out
        work = next_roll_out(unfinished, current.target, wanted, environment=context.environment)
        return _RollOutRun(context, roll_out=work, current=current).carry_out(asked_back=False)


def run_roll_back(context: RollOutContext) -> RollOutOutcome:
    """Reverse an unfinished roll-out, or roll the previous release out to all nodes."""
    with context.held_record.hold_lease():
        current = releases.read_current_release(context.store, context.environment)
        unfinished = context.held_record.record.roll_out
        work = next_roll_back(unfinished, current.target, current.before, environment=context.environment)
        return _RollOutRun(context, roll_out=work, current=current).carry_out(asked_back=work.kind == "roll-out")


class _RollOutRun:
    """A roll-out, resumed from its record."""

    def __init__(self, context: RollOutContext, *, roll_out: RollOut, current: releases.CurrentRelease) -> None:
        self._context = context
        self._roll_out = roll_out
        self._current = current
        self._green: set[str] = set()
        # A resumed roll-out has already changed something, even if nothing remains to be done.
        self._changed = context.held_record.record.roll_out is not None

    def carry_out(self, *, asked_back: bool) -> RollOutOutcome:
        """Carry out the rest of the roll-out."""
        if self._roll_out.state == "rolling":
            self._run_stages()
        if self._roll_out.state == "returning":
            return self._return_nodes(asked=asked_back)
        return self._settle_nodes()

    def _run_stages(self) -> None:
        if not self._counted_nodes():
            raise self._no_nodes_error()
        self._save_roll_out()
        try:
            self._pass_stages()
        except StageFailedError as failure:
            console.print(f"red: {failure}", style="bold red", soft_wrap=True)
            self._save_roll_out(state="returning", reason=str(failure))
            return
        self._move_pointer()
        self._save_roll_out(state="settling")

    def _pass_stages(self) -> None:
        # After an interruption, green nodes are not installed again.
        touched = [node for node in self._counted_nodes() if node.id in self._roll_out.touched]
        self._green = {node.id for node in touched} - self._probe_nodes(node.id for node in touched).keys()
        for stage in STAGES_BY_KIND[self._roll_out.kind]:
            self._pass_stage(stage)
            if stage.name not in self._roll_out.stages_done:
                self._save_roll_out(stages_done=(*self._roll_out.stages_done, stage.name))

    def _pass_stage(self, stage: Stage) -> None:
        """Install the target on the stage's nodes until all are green, including those of earlier stages.

        Nodes come and go, so the stage is computed again after each batch.
        """
        soaked = stage.name in self._roll_out.stages_done
        while True:
            members = self._counted_nodes()
            if not members:
                raise self._no_nodes_error()
            taken = choose_stage_nodes(stage, members, touched=self._roll_out.touched)
            if any(node.id not in self._green for node in taken):
                self._install_some(stage, [node for node in taken if node.id not in self._green])
                continue
            if soaked:
                return
            console.print(f"{stage.name}: {len(taken)} of {len(members)} nodes run {self._roll_out.target.version}")
            self._pause_holding_lease(self._context.soak_seconds)
            if red := self._await_green((node.id for node in taken), self._roll_out.target):
                raise StageFailedError(stage.name, red)
            soaked = True

    def _install_some(self, stage: Stage, waiting: Collection[Node]) -> None:
        together = self._await_quorum(waiting)
        if not together:
            return
        # Written before the command is sent: if this run dies, the run that resumes must probe these nodes.
        ids = [node.id for node in together]
        self._save_roll_out(touched=tuple(sorted({*self._roll_out.touched, *ids})))
        console.print(f"{stage.name}: installing {self._roll_out.target.version} on {', '.join(ids)}", soft_wrap=True)
        if red := self._install_release(ids, self._roll_out.target):
            raise StageFailedError(stage.name, red)
        self._green.update(ids)

    def _await_quorum(self, waiting: Collection[Node]) -> list[Node]:
        """Choose a batch; wait for booting nodes if their sites need them for a quorum."""
        deadline = self._context.clock.now() + timedelta(seconds=self._context.timeouts.boot)
        while True:
            living = self._context.nodes.list_living()
            waiting = [node for node in living if node.id in {other.id for other in waiting}]
            together = choose_batch(waiting, living)
            if together or not waiting:
                return together
            if self._context.clock.now() >= deadline:
                booting = ", ".join(
                    f"{node.id} ({node.boot_state or 'booting'})" for node in living if not node.is_ready
                )
                raise UserError(
                    f"Without {booting} a site's storage nodes would lose their quorum during the next installation.",
                    repair="see why they do not boot, or terminate them; then run the same command again",
                )
            self._pause_holding_lease(self._context.timeouts.poll)

    def _return_nodes(self, *, asked: bool) -> RollOutOutcome:
        """Return every touched node to the release that the pointer names."""
        self._save_roll_out()
        back = self._roll_out.previous
        done: set[str] = set()
        red: dict[str, str] = {}
        while True:
            living = self._context.nodes.list_living()
            waiting = [node for node in living if node.id in {*self._roll_out.touched} - done - red.keys()]
            if not waiting:
                break
            ids = [node.id for node in choose_batch(waiting, living, hurry=True)]
            console.print(f"returning {', '.join(ids)} to {back.version if back else 'no release'}", soft_wrap=True)
            failed = self._install_release(ids, back) if back else self._drain_nodes(ids)
            red |= failed
            done.update(ids)
        if red:
            return self._make_outcome("unsettled", asked=False, red=red)
        self._record_end("returned")
        return self._make_outcome("returned", asked=asked)

    def _settle_nodes(self) -> RollOutOutcome:
        """Install the target on nodes that booted with the pointer's old release, until there are none left."""
        self._save_roll_out()
        deadline = self._context.clock.now() + timedelta(seconds=self._context.timeouts.boot)
        looks = 0
        while looks < _CLEAN_POLLS:
            living = self._context.nodes.list_living()
            ready = [node for node in living if node.is_ready]
            if stragglers := self._probe_nodes(node.id for node in ready if node.id not in self._green):
                self._green.update({node.id for node in ready} - stragglers.keys())
                ids = [node.id for node in choose_batch([n for n in ready if n.id in stragglers], living, hurry=True)]
                console.print(f"bringing {', '.join(ids)} to {self._roll_out.target.version}", soft_wrap=True)
                if red := self._install_release(ids, self._roll_out.target):
                    return self._make_outcome("unsettled", asked=False, red=red)
                self._green.update(ids)
                looks = 0
                continue
            self._green.update(node.id for node in ready)
            booting = {node.id: node.boot_state or "booting" for node in living if not node.is_ready}
            looks = 0 if booting else looks + 1
            if booting and self._context.clock.now() >= deadline:
                return self._make_outcome("unsettled", asked=False, red=booting)
            if looks < _CLEAN_POLLS:
                self._pause_holding_lease(self._context.timeouts.poll)
        self._record_end("done")
        return self._make_outcome("done" if self._changed else "unchanged", asked=True)

    def _install_release(self, nodes: Collection[str], target: ReleaseTarget) -> dict[str, str]:
        """Install a release, wait for green probes, and return the living nodes that stay red."""
        self._context.held_record.renew_if_due()
        self._changed = True
        parameters = {"ReleaseKey": target.release, "Sha256": target.sha256}
        refused = self._run_command("install", parameters, nodes, seconds=self._context.timeouts.install)
        red = self._await_green(nodes, target)
        return {node: f"install: {refused[node]}; {probe}" if node in refused else probe for node, probe in red.items()}

    def _drain_nodes(self, nodes: Collection[str]) -> dict[str, str]:
        """Stop the units of nodes that have no previous release."""
        self._context.held_record.renew_if_due()
        parameters = {"Reason": "release-failed"}
        red = self._run_command("drain", parameters, nodes, seconds=self._context.timeouts.install)
        return self._without_terminated(red) if red else {}

    def _await_green(self, nodes: Iterable[str], target: ReleaseTarget) -> dict[str, str]:
        """Probe until all living nodes are green or the time-out expires, and return the red ones."""
        deadline = self._context.clock.now() + timedelta(seconds=self._context.timeouts.gate)
        red = self._probe_nodes(nodes, target)
        while red:
            red = self._without_terminated(red)
            if not red or self._context.clock.now() >= deadline:
                return red
            self._pause_holding_lease(self._context.timeouts.poll)
            red = self._probe_nodes(red, target)
        return red

    def _probe_nodes(self, nodes: Iterable[str], target: ReleaseTarget | None = None) -> dict[str, str]:
        """Probe nodes once, and return the red ones."""
        parameters = {"ExpectedVersion": (target or self._roll_out.target).version}
        return self._run_command("probe", parameters, nodes, seconds=self._context.timeouts.probe)

    def _run_command(
        self, name: NodeCommandName, parameters: Mapping[str, str], nodes: Iterable[str], *, seconds: float
    ) -> dict[str, str]:
        """Run a command on nodes, and return the failed nodes with their output."""
        answers = self._context.commands.run_on_nodes(name, parameters, nodes, seconds=seconds)
        return {node: answer.detail for node, answer in answers.items() if not answer.has_succeeded}

    def _counted_nodes(self) -> list[Node]:
        """List the nodes that stages are computed from: booted nodes and touched ones."""
        return [
            node for node in self._context.nodes.list_living() if node.is_ready or node.id in self._roll_out.touched
        ]

    def _without_terminated(self, red: Mapping[str, str]) -> dict[str, str]:
        living = {node.id for node in self._context.nodes.list_living()}
        return {node: detail for node, detail in red.items() if node in living}

    def _pause_holding_lease(self, seconds: float) -> None:
        pause_holding_lease(self._context.clock, self._context.held_record, seconds)

    def _save_roll_out(self, **update: object) -> None:
        self._roll_out = self._roll_out.model_copy(update=update)
        self._context.held_record.write_progress(roll_out=self._roll_out)

    def _move_pointer(self) -> None:
        # After a roll-back, the previous release would be the one that was just rolled back.
        forward = self._roll_out.kind == "roll-out" and self._roll_out.previous is not None
        releases.move_pointer(
            self._context.store,
            self._context.environment,
            target=self._roll_out.target,
            previous=self._roll_out.previous.as_pointed if forward and self._roll_out.previous else None,
            etag=self._current.etag,
        )

    def _record_end(self, outcome: Literal["done", "returned"]) -> None:
        ended = EndedRollOut(
            kind=self._roll_out.kind,
            target=self._roll_out.target,
            outcome=outcome,
            reason=self._roll_out.reason,
            ended=self._context.clock.now(),
        )
        self._context.held_record.write_progress(roll_out=None, last=ended)

    def _make_outcome(
        self,
        result: RollOutResult,
        *,
        asked: bool,
        red: Mapping[str, str] | None = None,
    ) -> RollOutOutcome:
        named = self._roll_out.previous if self._roll_out.state == "returning" else self._roll_out.target
        ready = [node for node in self._context.nodes.list_living() if node.is_ready and node.id not in (red or {})]
        return RollOutOutcome(
            result=result,
            is_as_asked=asked,
            kind=self._roll_out.kind,
            target=self._roll_out.target,
            version=named.version if named else "",
            nodes=len(ready),
            reason=self._roll_out.reason,
            red_nodes=red or {},
        )

    def _no_nodes_error(self) -> UserError:
        return UserError(
            f"No node of {self._context.environment} runs, so no stage can be verified.",
            repair="start the cluster (`cfs cluster up`), and run the same command again",
        )


def pause_holding_lease(clock: Clock, held_record: HeldRecord, seconds: float) -> None:
    """Wait while renewing the lease."""
    while seconds > 0:
        part = min(seconds, _SLICE_SECONDS)
        clock.sleep(part)
        seconds -= part
        held_record.renew_if_due()


def roll_out_result(outcome: RollOutOutcome, *, environment: str) -> CommandResult:
    """Return the outcome as text, figures and outputs of a job."""
    red_nodes = sorted(outcome.red_nodes.items())
    table = markdown_table(("node", ""), [(code_span(node), detail) for node, detail in red_nodes]) if red_nodes else ""
    text = _outcome_text(outcome, environment)
    heading = f"{outcome.kind} of {outcome.target.version} to {environment}: {outcome.result}"
    return CommandResult(
        text=text,
        notes=[f"  {node}: {detail}" for node, detail in red_nodes],
        job_summary=f"### {heading}\n\n{text}\n\n{table}",
        job_outputs={"outcome": outcome.result, "version": outcome.version, "nodes": str(outcome.nodes)},
        figures={
            "environment": environment,
            "kind": outcome.kind,
            "target": outcome.target.model_dump(by_alias=True),
            "outcome": outcome.result,
            "asked": outcome.is_as_asked,
            "version": outcome.version,
            "nodes": outcome.nodes,
            "reason": outcome.reason,
            "red": dict(outcome.red_nodes),
        },
        exit_code=roll_out_exit_code(outcome),
    )


def roll_out_exit_code(outcome: RollOutOutcome) -> int:
    """Return the exit code of a roll-out: 0 if the outcome is what the command asked for."""
    if outcome.result == "unsettled":
        return UNSETTLED_EXIT_CODE
    return RETURNED_EXIT_CODE if outcome.result == "returned" and not outcome.is_as_asked else 0


def _outcome_text(outcome: RollOutOutcome, environment: str) -> str:
    target, version = outcome.target.version, outcome.version
    match outcome.result:
        case "done":
            return f"{environment} runs {version} on {outcome.nodes} nodes."
        case "unchanged":
            return f"{environment} ran {version} on {outcome.nodes} nodes already: nothing was done."
        case "returned":
            back = f"run {version} again" if version else "are stopped, since there was no release before"
            return f"{target} was rolled back: the nodes that had installed it {back}. Reason: {outcome.reason}"
        case "unsettled":
            named = f"names {version}" if version else "names no release"
            return (
                f"The pointer of {environment} {named}, and {len(outcome.red_nodes)} nodes do not run it. "
                f"See why, or terminate them; then run the same command again. {outcome.reason}".rstrip()
            )
