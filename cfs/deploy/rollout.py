"""Brings a release to all nodes of an environment, stage by stage, or back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from cfs.deploy import course, releases
from cfs.deploy.documents import Ended, RollOut, Target
from cfs.deploy.reporting import Result
from cfs.deploy.stages import STAGES, batch, chosen
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cfs.deploy.clock import Clock
    from cfs.deploy.commands import Commands
    from cfs.deploy.lease import HeldRecord
    from cfs.deploy.nodes import Node, Nodes
    from cfs.deploy.stages import Stage
    from cfs.deploy.store import Store

_SLICE_SECONDS = 30.0
"""Long waits are cut into such pieces, so that the lease is renewed in time."""

_CLEAN_LOOKS = 2
"""EC2 may list a new instance a little late: so many looks in a row must find nothing left to do."""

_NAMED = 5
"""As many nodes are named in a reason; the result lists all."""


RETURNED = 3
"""Exit code: the release failed a stage, and every node that had got it is back at the version before."""

UNSETTLED = 4
"""Exit code: some nodes are not at the version that the pointer names."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a roll-out waits for what, in seconds.

    Attributes:
        install: For all nodes of a batch to install a release.
        probe: For all nodes to answer a probe.
        gate: For a red probe to turn green. AWS gives a spot node notice two minutes before it ends, and the node
            stops its units then: it must be gone before it can count as failed.
        boot: For a node to boot.
        look: Between two looks.
    """

    install: float = 600.0
    probe: float = 120.0
    gate: float = 180.0
    boot: float = 900.0
    look: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a roll-out ended.

    Attributes:
        result: `done`: all nodes run the target. `unchanged`: they did before. `returned`: the nodes that had got it
            are back at the version before. `unsettled`: some nodes are not at the version that the pointer names.
        asked: Whether that is what was asked for.
        kind: Whether it went to a new release or back.
        target: Where it went.
        version: What the pointer names now; "": nothing.
        nodes: How many nodes run that.
        reason: Why it did not arrive.
        red: The nodes that did not do as they should, with what they said.
    """

    result: Literal["done", "unchanged", "returned", "unsettled"]
    asked: bool
    kind: str
    target: Target
    version: str
    nodes: int
    reason: str = ""
    red: Mapping[str, str] = field(default_factory=dict)


class StageFailedError(Exception):
    """Nodes of a stage are red."""

    def __init__(self, stage: str, red: Mapping[str, str]) -> None:
        """Name the stage and what its nodes said."""
        named = "; ".join(f"{node}: {said}" for node, said in sorted(red.items())[:_NAMED])
        more = f"; and {len(red) - _NAMED} more nodes" if len(red) > _NAMED else ""
        super().__init__(f"stage {stage}: {named}{more}")
        self.red = red


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a roll-out works with.

    Attributes:
        environment: The stack's name.
        store: The environment's bucket.
        nodes: Lists its nodes.
        commands: Runs commands on them.
        held: The record, under the lease.
        clock: The time.
        patience: How long it waits for what.
        soak: Seconds that a stage must stay green before the next begins.
    """

    environment: str
    store: Store
    nodes: Nodes
    commands: Commands
    held: HeldRecord
    clock: Clock
    patience: Patience
    soak: float


def roll_out(means: Means, *, wanted: Target) -> Outcome:
    """Bring a release to all nodes, or go on with that.

    Raises:
        UserError: Somebody else deploys, another roll-out is unfinished, no node runs, or AWS does not answer.
    """
    with means.held.held():
        current = releases.read_current(means.store, means.environment)
        unfinished = means.held.record.roll_out
        work = course.of_roll_out(unfinished, current.target, wanted, environment=means.environment)
        return _RollOut(means, work=work, current=current).carry_out(asked_back=False)


def roll_back(means: Means) -> Outcome:
    """Take an unfinished roll-out back, or bring the version before to all nodes.

    Raises:
        UserError: Somebody else deploys, there is no version before, no node runs, or AWS does not answer.
    """
    with means.held.held():
        current = releases.read_current(means.store, means.environment)
        unfinished = means.held.record.roll_out
        work = course.of_roll_back(unfinished, current.target, current.before, environment=means.environment)
        return _RollOut(means, work=work, current=current).carry_out(asked_back=work.kind == "roll-out")


class _RollOut:
    """One roll-out at work, from wherever the record says that it is."""

    def __init__(self, means: Means, *, work: RollOut, current: releases.Current) -> None:
        self._means = means
        self._work = work
        self._current = current
        self._green: set[str] = set()
        # A roll-out that is gone on with was more than nothing, whatever is left of it.
        self._changed = means.held.record.roll_out is not None

    def carry_out(self, *, asked_back: bool) -> Outcome:
        """Do what is left of it."""
        if self._work.state == "rolling":
            self._roll()
        if self._work.state == "returning":
            return self._return(asked=asked_back)
        return self._settle()

    def _roll(self) -> None:
        if not self._members():
            raise self._no_nodes()
        self._save()
        try:
            self._pass_stages()
        except StageFailedError as failure:
            console.print(f"[bold red]red:[/] {failure}", soft_wrap=True)
            self._save(state="returning", reason=str(failure))
            return
        self._move_pointer()
        self._save(state="settling")

    def _pass_stages(self) -> None:
        # After an interruption: what is green already is not installed again.
        touched = [node for node in self._members() if node.id in self._work.touched]
        self._green = {node.id for node in touched} - self._probe(node.id for node in touched).keys()
        for stage in STAGES[self._work.kind]:
            self._pass(stage)
            if stage.name not in self._work.stages_done:
                self._save(stages_done=(*self._work.stages_done, stage.name))

    def _pass(self, stage: Stage) -> None:
        """Install the stage's nodes and see all of them green, those of earlier stages included.

        Nodes come and go meanwhile, so that the stage is chosen anew until it holds no node that is not green.
        """
        soaked = stage.name in self._work.stages_done
        while True:
            members = self._members()
            if not members:
                raise self._no_nodes()
            taken = chosen(stage, members, touched=self._work.touched)
            if any(node.id not in self._green for node in taken):
                self._install_some(stage, [node for node in taken if node.id not in self._green])
                continue
            if soaked:
                return
            console.print(f"{stage.name}: {len(taken)} of {len(members)} nodes run {self._work.target.version}")
            self._pause(self._means.soak)
            if red := self._until_green((node.id for node in taken), self._work.target):
                raise StageFailedError(stage.name, red)
            soaked = True

    def _install_some(self, stage: Stage, waiting: Collection[Node]) -> None:
        together = self._await_quorum(waiting)
        if not together:
            return
        # Written before they are told: whoever goes on after this run's death knows whom to look at.
        ids = [node.id for node in together]
        self._save(touched=tuple(sorted({*self._work.touched, *ids})))
        console.print(f"{stage.name}: installing {self._work.target.version} on {', '.join(ids)}", soft_wrap=True)
        if red := self._bring(ids, self._work.target):
            raise StageFailedError(stage.name, red)
        self._green.update(ids)

    def _await_quorum(self, waiting: Collection[Node]) -> list[Node]:
        """Choose nodes to install at once; wait for nodes that boot, where their sites need them for a quorum."""
        deadline = self._means.clock.now() + timedelta(seconds=self._means.patience.boot)
        while True:
            living = self._means.nodes.living()
            waiting = [node for node in living if node.id in {of.id for of in waiting}]
            together = batch(waiting, living)
            if together or not waiting:
                return together
            if self._means.clock.now() >= deadline:
                booting = ", ".join(f"{node.id} ({node.boot_state or 'booting'})" for node in living if not node.ready)
                raise UserError(
                    f"Without {booting} a site's storage nodes would lose their quorum if another one was installed.",
                    repair="see why they do not boot, or terminate them; then give the same command again",
                )
            self._pause(self._means.patience.look)

    def _return(self, *, asked: bool) -> Outcome:
        """Bring every node that was told to install the target back to what the pointer names."""
        self._save()
        back = self._work.previous
        done: set[str] = set()
        red: dict[str, str] = {}
        while True:
            living = self._means.nodes.living()
            waiting = [node for node in living if node.id in {*self._work.touched} - done - red.keys()]
            if not waiting:
                break
            ids = [node.id for node in batch(waiting, living, hurry=True)]
            console.print(f"returning {', '.join(ids)} to {back.version if back else 'no release'}", soft_wrap=True)
            failed = self._bring(ids, back) if back else self._stop(ids)
            red |= failed
            done.update(ids)
        if red:
            return self._outcome("unsettled", asked=False, red=red)
        self._finish("returned")
        return self._outcome("returned", asked=asked)

    def _settle(self) -> Outcome:
        """Bring nodes to the target that booted by the pointer's old version, until there are none."""
        self._save()
        deadline = self._means.clock.now() + timedelta(seconds=self._means.patience.boot)
        looks = 0
        while looks < _CLEAN_LOOKS:
            living = self._means.nodes.living()
            ready = [node for node in living if node.ready]
            if stragglers := self._probe(node.id for node in ready if node.id not in self._green):
                self._green.update({node.id for node in ready} - stragglers.keys())
                ids = [node.id for node in batch([n for n in ready if n.id in stragglers], living, hurry=True)]
                console.print(f"bringing {', '.join(ids)} to {self._work.target.version}", soft_wrap=True)
                if red := self._bring(ids, self._work.target):
                    return self._outcome("unsettled", asked=False, red=red)
                self._green.update(ids)
                looks = 0
                continue
            self._green.update(node.id for node in ready)
            booting = {node.id: node.boot_state or "booting" for node in living if not node.ready}
            looks = 0 if booting else looks + 1
            if booting and self._means.clock.now() >= deadline:
                return self._outcome("unsettled", asked=False, red=booting)
            if looks < _CLEAN_LOOKS:
                self._pause(self._means.patience.look)
        self._finish("done")
        return self._outcome("done" if self._changed else "unchanged", asked=True)

    def _bring(self, nodes: Collection[str], target: Target) -> dict[str, str]:
        """Install a release and wait for green probes; give the nodes that live and stay red."""
        self._means.held.beat()
        self._changed = True
        parameters = {"ReleaseKey": target.release, "Sha256": target.sha256}
        answers = self._means.commands.run("install", parameters, nodes, seconds=self._means.patience.install)
        refused = {node: answer.detail for node, answer in answers.items() if not answer.ok}
        red = self._until_green(nodes, target)
        return {node: f"install: {refused[node]}; {probe}" if node in refused else probe for node, probe in red.items()}

    def _stop(self, nodes: Collection[str]) -> dict[str, str]:
        """Stop the units: where no release was before, there is none to go back to."""
        self._means.held.beat()
        parameters = {"Reason": "release-failed"}
        answers = self._means.commands.run("drain", parameters, nodes, seconds=self._means.patience.install)
        red = {node: answer.detail for node, answer in answers.items() if not answer.ok}
        return {node: said for node, said in red.items() if node in self._living_ids()} if red else {}

    def _until_green(self, nodes: Iterable[str], target: Target) -> dict[str, str]:
        """Probe until all nodes that still live are green; give those that stay red with what they say."""
        deadline = self._means.clock.now() + timedelta(seconds=self._means.patience.gate)
        red = self._probe(nodes, target)
        while red:
            living = self._living_ids()
            red = {node: said for node, said in red.items() if node in living}
            if not red or self._means.clock.now() >= deadline:
                return red
            self._pause(self._means.patience.look)
            red = self._probe(red, target)
        return red

    def _probe(self, nodes: Iterable[str], target: Target | None = None) -> dict[str, str]:
        """Probe nodes once; give those that are red with what they say."""
        nodes = list(nodes)
        if not nodes:
            return {}
        parameters = {"ExpectedVersion": (target or self._work.target).version}
        answers = self._means.commands.run("probe", parameters, nodes, seconds=self._means.patience.probe)
        return {node: answer.detail for node, answer in answers.items() if not answer.ok}

    def _members(self) -> list[Node]:
        """List the nodes that count: those that have booted, and all that were told to install the target."""
        return [node for node in self._means.nodes.living() if node.ready or node.id in self._work.touched]

    def _living_ids(self) -> set[str]:
        return {node.id for node in self._means.nodes.living()}

    def _pause(self, seconds: float) -> None:
        pause(self._means.clock, self._means.held, seconds)

    def _save(self, **update: object) -> None:
        self._work = self._work.model_copy(update=update)
        self._means.held.write(roll_out=self._work)

    def _move_pointer(self) -> None:
        # Going back again would lead to the release that one has just left.
        forward = self._work.kind == "roll-out" and self._work.previous is not None
        releases.move_pointer(
            self._means.store,
            self._means.environment,
            to=self._work.target,
            previous=self._work.previous.pointed if forward and self._work.previous else None,
            etag=self._current.etag,
        )

    def _finish(self, outcome: Literal["done", "returned"]) -> None:
        ended = Ended(
            kind=self._work.kind,
            target=self._work.target,
            outcome=outcome,
            reason=self._work.reason,
            ended=self._means.clock.now(),
        )
        self._means.held.write(roll_out=None, last=ended)

    def _outcome(
        self,
        result: Literal["done", "unchanged", "returned", "unsettled"],
        *,
        asked: bool,
        red: Mapping[str, str] | None = None,
    ) -> Outcome:
        named = self._work.previous if self._work.state == "returning" else self._work.target
        ready = [node for node in self._means.nodes.living() if node.ready and node.id not in (red or {})]
        return Outcome(
            result=result,
            asked=asked,
            kind=self._work.kind,
            target=self._work.target,
            version=named.version if named else "",
            nodes=len(ready),
            reason=self._work.reason,
            red=red or {},
        )

    def _no_nodes(self) -> UserError:
        return UserError(
            f"No node of {self._means.environment} runs: no stage could be proven on one.",
            repair="start the cluster (`cfs cluster up`), and give the same command again",
        )


def pause(clock: Clock, held: HeldRecord, seconds: float) -> None:
    """Let time pass and keep the lease."""
    while seconds > 0:
        part = min(seconds, _SLICE_SECONDS)
        clock.sleep(part)
        seconds -= part
        held.beat()


def result(outcome: Outcome, *, environment: str) -> Result:
    """Say how a roll-out ended."""
    rows = "\n".join(f"| `{node}` | {said.replace('|', '/')} |" for node, said in sorted(outcome.red.items()))
    table = f"\n| node | |\n|---|---|\n{rows}\n" if rows else ""
    text = _text(outcome, environment)
    red = "".join(f"\n  {node}: {said}" for node, said in sorted(outcome.red.items()))
    return Result(
        text=text + red,
        summary=f"### {outcome.kind} of {outcome.target.version} to {environment}: {outcome.result}\n\n{text}\n{table}",
        outputs={"outcome": outcome.result, "version": outcome.version, "nodes": str(outcome.nodes)},
        figures={
            "environment": environment,
            "kind": outcome.kind,
            "target": outcome.target.model_dump(by_alias=True),
            "outcome": outcome.result,
            "asked": outcome.asked,
            "version": outcome.version,
            "nodes": outcome.nodes,
            "reason": outcome.reason,
            "red": dict(outcome.red),
        },
        exit_code=exit_code(outcome),
    )


def exit_code(outcome: Outcome) -> int:
    """Give the exit code of a roll-out: 0 where what was asked for has come about."""
    if outcome.result == "unsettled":
        return UNSETTLED
    return RETURNED if outcome.result == "returned" and not outcome.asked else 0


def _text(outcome: Outcome, environment: str) -> str:
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
                f"The pointer of {environment} {named}, and {len(outcome.red)} nodes are not there. "
                f"See why, or terminate them; then give the same command again. {outcome.reason}".rstrip()
            )
