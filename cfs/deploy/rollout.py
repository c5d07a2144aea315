"""Brings a release to all nodes of an environment, stage by stage, or back."""

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

    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.deploy.clock import DeployClock
    from cfs.deploy.lease import HeldRecord
    from cfs.deploy.node_list import Node, NodeLister
    from cfs.deploy.run_commands import NodeCommandRunner
    from cfs.deploy.stages import Stage

_SLICE_SECONDS = 30.0
"""Long waits are cut into such pieces, so that the lease is renewed in time."""

_CLEAN_POLLS = 2
"""EC2 may list a new instance a little late: so many looks in a row must find nothing left to do."""

_NAMED = 5
"""As many nodes are named in a reason; the result lists all."""


RETURNED_EXIT_CODE = 3
"""Exit code: the release failed a stage, and every node that had got it is back at the version before."""

UNSETTLED_EXIT_CODE = 4
"""Exit code: some nodes are not at the version that the pointer names."""


@dataclass(frozen=True, kw_only=True)
class RollOutTimeouts:
    """How long a roll-out waits for what, in seconds.

    Attributes:
        install: For all nodes of a batch to install a release.
        probe: For all nodes to answer a probe.
        gate: For a red probe to turn green. AWS gives a spot node notice two minutes before it ends, and the node
            stops its units then: it must be gone before it can count as failed.
        boot: For a node to boot.
        poll: Between two looks.
    """

    install: float = 600.0
    probe: float = 120.0
    gate: float = 180.0
    boot: float = 900.0
    poll: float = 10.0


@dataclass(frozen=True, kw_only=True)
class RollOutOutcome:
    """How a roll-out ended.

    Attributes:
        result: `done`: all nodes run the target. `unchanged`: they did before. `returned`: the nodes that had got it
            are back at the version before. `unsettled`: some nodes are not at the version that the pointer names.
        is_as_asked: Whether that is what was asked for.
        kind: Whether it went to a new release or back.
        target: Where it went.
        version: What the pointer names now; "": nothing.
        nodes: How many nodes run that.
        reason: Why it did not arrive.
        red_nodes: The nodes that did not do as they should, with what they said.
    """

    result: Literal["done", "unchanged", "returned", "unsettled"]
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
        """Name the stage and what its nodes said."""
        named = "; ".join(f"{node}: {said}" for node, said in sorted(red.items())[:_NAMED])
        more = f"; and {len(red) - _NAMED} more nodes" if len(red) > _NAMED else ""
        super().__init__(f"stage {stage}: {named}{more}")
        self.red_nodes = red


@dataclass(frozen=True, kw_only=True)
class RollOutContext:
    """What a roll-out works with.

    Attributes:
        environment: The stack's name.
        store: The environment's bucket.
        nodes: Lists its nodes.
        commands: Runs commands on them.
        held_record: The record, under the lease.
        clock: The time.
        timeouts: How long it waits for what.
        soak_seconds: Seconds that a stage must stay green before the next begins.
    """

    environment: str
    store: ArtifactStore
    nodes: NodeLister
    commands: NodeCommandRunner
    held_record: HeldRecord
    clock: DeployClock
    timeouts: RollOutTimeouts
    soak_seconds: float


def run_roll_out(context: RollOutContext, *, wanted: ReleaseTarget) -> RollOutOutcome:
    """Bring a release to all nodes, or go on with that."""
    with context.held_record.hold_lease():
        current = releases.read_current_release(context.store, context.environment)
        unfinished = context.held_record.record.roll_out
        work = next_roll_out(unfinished, current.target, wanted, environment=context.environment)
        return _RollOutRun(context, roll_out=work, current=current).carry_out(asked_back=False)


def run_roll_back(context: RollOutContext) -> RollOutOutcome:
    """Take an unfinished roll-out back, or bring the version before to all nodes."""
    with context.held_record.hold_lease():
        current = releases.read_current_release(context.store, context.environment)
        unfinished = context.held_record.record.roll_out
        work = next_roll_back(unfinished, current.target, current.before, environment=context.environment)
        return _RollOutRun(context, roll_out=work, current=current).carry_out(asked_back=work.kind == "roll-out")


class _RollOutRun:
    """One roll-out at work, from wherever the record says that it is."""

    def __init__(self, context: RollOutContext, *, roll_out: RollOut, current: releases.CurrentRelease) -> None:
        self._context = context
        self._roll_out = roll_out
        self._current = current
        self._green: set[str] = set()
        # A roll-out that is gone on with was more than nothing, whatever is left of it.
        self._changed = context.held_record.record.roll_out is not None

    def carry_out(self, *, asked_back: bool) -> RollOutOutcome:
        """Do what is left of it."""
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
            console.print(f"[bold red]red:[/] {failure}", soft_wrap=True)
            self._save_roll_out(state="returning", reason=str(failure))
            return
        self._move_pointer()
        self._save_roll_out(state="settling")

    def _pass_stages(self) -> None:
        # After an interruption: what is green already is not installed again.
        touched = [node for node in self._counted_nodes() if node.id in self._roll_out.touched]
        self._green = {node.id for node in touched} - self._probe_nodes(node.id for node in touched).keys()
        for stage in STAGES_BY_KIND[self._roll_out.kind]:
            self._pass_stage(stage)
            if stage.name not in self._roll_out.stages_done:
                self._save_roll_out(stages_done=(*self._roll_out.stages_done, stage.name))

    def _pass_stage(self, stage: Stage) -> None:
        """Install the stage's nodes and see all of them green, those of earlier stages included.

        Nodes come and go meanwhile, so that the stage is chosen anew until it holds no node that is not green.
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
        # Written before they are told: whoever goes on after this run's death knows whom to look at.
        ids = [node.id for node in together]
        self._save_roll_out(touched=tuple(sorted({*self._roll_out.touched, *ids})))
        console.print(f"{stage.name}: installing {self._roll_out.target.version} on {', '.join(ids)}", soft_wrap=True)
        if red := self._install_release(ids, self._roll_out.target):
            raise StageFailedError(stage.name, red)
        self._green.update(ids)

    def _await_quorum(self, waiting: Collection[Node]) -> list[Node]:
        """Choose nodes to install at once; wait for nodes that boot, where their sites need them for a quorum."""
        deadline = self._context.clock.now() + timedelta(seconds=self._context.timeouts.boot)
        while True:
            living = self._context.nodes.list_living()
            waiting = [node for node in living if node.id in {of.id for of in waiting}]
            together = choose_batch(waiting, living)
            if together or not waiting:
                return together
            if self._context.clock.now() >= deadline:
                booting = ", ".join(
                    f"{node.id} ({node.boot_state or 'booting'})" for node in living if not node.is_ready
                )
                raise UserError(
                    f"Without {booting} a site's storage nodes would lose their quorum if another one was installed.",
                    repair="see why they do not boot, or terminate them; then give the same command again",
                )
            self._pause_holding_lease(self._context.timeouts.poll)

    def _return_nodes(self, *, asked: bool) -> RollOutOutcome:
        """Bring every node that was told to install the target back to what the pointer names."""
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
        """Bring nodes to the target that booted by the pointer's old version, until there are none."""
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
        """Install a release and wait for green probes; give the nodes that live and stay red."""
        self._context.held_record.renew_if_due()
        self._changed = True
        parameters = {"ReleaseKey": target.release, "Sha256": target.sha256}
        answers = self._context.commands.run_on_nodes(
            "install", parameters, nodes, seconds=self._context.timeouts.install
        )
        refused = {node: answer.detail for node, answer in answers.items() if not answer.has_succeeded}
        red = self._await_green(nodes, target)
        return {node: f"install: {refused[node]}; {probe}" if node in refused else probe for node, probe in red.items()}

    def _drain_nodes(self, nodes: Collection[str]) -> dict[str, str]:
        """Stop the units: where no release was before, there is none to go back to."""
        self._context.held_record.renew_if_due()
        parameters = {"Reason": "release-failed"}
        answers = self._context.commands.run_on_nodes(
            "drain", parameters, nodes, seconds=self._context.timeouts.install
        )
        red = {node: answer.detail for node, answer in answers.items() if not answer.has_succeeded}
        return {node: said for node, said in red.items() if node in self._living_ids()} if red else {}

    def _await_green(self, nodes: Iterable[str], target: ReleaseTarget) -> dict[str, str]:
        """Probe until all nodes that still live are green; give those that stay red with what they say."""
        deadline = self._context.clock.now() + timedelta(seconds=self._context.timeouts.gate)
        red = self._probe_nodes(nodes, target)
        while red:
            living = self._living_ids()
            red = {node: said for node, said in red.items() if node in living}
            if not red or self._context.clock.now() >= deadline:
                return red
            self._pause_holding_lease(self._context.timeouts.poll)
            red = self._probe_nodes(red, target)
        return red

    def _probe_nodes(self, nodes: Iterable[str], target: ReleaseTarget | None = None) -> dict[str, str]:
        """Probe nodes once; give those that are red with what they say."""
        nodes = list(nodes)
        if not nodes:
            return {}
        parameters = {"ExpectedVersion": (target or self._roll_out.target).version}
        answers = self._context.commands.run_on_nodes("probe", parameters, nodes, seconds=self._context.timeouts.probe)
        return {node: answer.detail for node, answer in answers.items() if not answer.has_succeeded}

    def _counted_nodes(self) -> list[Node]:
        """List the nodes that count: those that have booted, and all that were told to install the target."""
        return [
            node for node in self._context.nodes.list_living() if node.is_ready or node.id in self._roll_out.touched
        ]

    def _living_ids(self) -> set[str]:
        return {node.id for node in self._context.nodes.list_living()}

    def _pause_holding_lease(self, seconds: float) -> None:
        pause_holding_lease(self._context.clock, self._context.held_record, seconds)

    def _save_roll_out(self, **update: object) -> None:
        self._roll_out = self._roll_out.model_copy(update=update)
        self._context.held_record.write_progress(roll_out=self._roll_out)

    def _move_pointer(self) -> None:
        # Going back again would lead to the release that one has just left.
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
        result: Literal["done", "unchanged", "returned", "unsettled"],
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
            f"No node of {self._context.environment} runs: no stage could be proven on one.",
            repair="start the cluster (`cfs cluster up`), and give the same command again",
        )


def pause_holding_lease(clock: DeployClock, held_record: HeldRecord, seconds: float) -> None:
    """Let time pass and keep the lease."""
    while seconds > 0:
        part = min(seconds, _SLICE_SECONDS)
        clock.sleep(part)
        seconds -= part
        held_record.renew_if_due()


def roll_out_result(outcome: RollOutOutcome, *, environment: str) -> CommandResult:
    """Say how a roll-out ended."""
    red_nodes = sorted(outcome.red_nodes.items())
    table = markdown_table(("node", ""), [(code_span(node), said) for node, said in red_nodes]) if red_nodes else ""
    text = _outcome_text(outcome, environment)
    heading = f"{outcome.kind} of {outcome.target.version} to {environment}: {outcome.result}"
    return CommandResult(
        text=text,
        notes=[f"  {node}: {said}" for node, said in red_nodes],
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
    """Return the exit code of a roll-out: 0 where what was asked for has come about."""
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
            back = f"are back at {version}" if version else "are stopped, since there was no release before"
            return f"{target} was taken back: the nodes that had got it {back}. Why: {outcome.reason}"
        case "unsettled":
            named = f"names {version}" if version else "names no release"
            return (
                f"The pointer of {environment} {named}, and {len(outcome.red_nodes)} nodes are not there. "
                f"See why, or terminate them; then give the same command again. {outcome.reason}".rstrip()
            )
