"""Measures all that the bench reports, on accounts of its own.

Each round runs every command once, so that a temporary slowdown of the machine affects all of them.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

from local import servers
from local.latency import LONGEST_SECONDS, set_latency
from measure import sdk_imports
from measure.bench.growth import grow_stacks
from measure.bench.process_usage import watch_command
from measure.bench.terraform_twin import twin_commands
from measure.bench.timed_commands import (
    PREVIEW_BY_NODES,
    WATCHED_COMMANDS,
    unchanged_commands,
    whole_commands,
    write_node_settings,
)
from measure.scratch_account import scratch_engine
from terminal.errors import UserError
from terminal.progress import show_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from local.engine import LocalEngine
    from measure.bench.growth import GrownStack
    from measure.bench.process_usage import ProcessUsage


@dataclass(frozen=True, kw_only=True)
class BenchMeasurement:
    """The results of all runs.

    Attributes:
        latency: Delay of each answer of the emulators, in seconds.
        seconds: The times of each measured command in `TITLES`, in the order of the rounds.
        resources: Number of the stack's resources, by number of storage nodes.
        loaded: SDK modules that the program loads.
        usage: Usage of the commands in `WATCHED_COMMANDS`.
        growth: Stacks of growing numbers of resources.
    """

    latency: float = 0.0
    seconds: Mapping[str, Sequence[float]]
    resources: Mapping[int, int]
    loaded: sdk_imports.LoadedModules
    usage: Mapping[str, ProcessUsage] = field(default_factory=dict)
    growth: Sequence[GrownStack] = ()

    def median_ratio(self, numerator: str, denominator: str) -> float:
        """Return the median of the ratios of two commands' times within each round."""
        pairs = zip(self.seconds[numerator], self.seconds[denominator], strict=True)
        return median(above / below for above, below in pairs)

    @property
    def seconds_per_resource(self) -> float:
        """Time that each resource adds to a preview, in seconds: the median over the rounds.

        It includes the start of the providers, which the floor does not need.
        """
        pairs = zip(self.seconds["previewStack"], self.seconds["previewFloor"], strict=True)
        return median((stack - floor) / self.resources[5] for stack, floor in pairs)

    @property
    def unused_packages(self) -> list[str]:
        """Loaded SDK packages that contain no resource and no function that the program uses."""
        needed = {sdk_imports.token_package(token) for token in self.loaded.tokens} | set(sdk_imports.SDK_NAMES)
        return [package for package in sdk_imports.module_packages(self.loaded.modules) if package not in needed]


def measure_runs(*, runs: int, latency: float, terraform: Path | None) -> BenchMeasurement:
    """Measure everything.

    Args:
        runs: Number of rounds, after one to warm up.
        latency: Delay of each answer of the emulators, in seconds.
        terraform: Folder of an initialized Terraform configuration to measure as well, or None.
    """
    loaded = sdk_imports.load_program()
    with _deployed_clusters() as engines:
        unchanged = unchanged_commands(engines, loaded.modules)
        for engine in engines.values():
            delay_answers(engine, latency)
        with show_progress(f"{runs} rounds after one to warm up") as progress:
            rounds = []
            for number in range(runs + 1):
                times = {name: command.time_run() for name, command in unchanged.items()}
                rounds.append(times | _time_whole_runs(latency) | _time_twin(terraform, latency))
                progress.advance_to(number + 1, runs + 1)
        usage = {name: watch_command(unchanged[name]) for name in WATCHED_COMMANDS if name in unchanged}
        resources = {nodes: len(engine.read_deployment()["resources"]) for nodes, engine in engines.items()}
    with _delayed_engine(latency) as engine:
        usage["firstUp"] = watch_command(whole_commands(engine)["firstUp"])
    return BenchMeasurement(
        latency=latency,
        seconds={name: [of_round[name] for of_round in rounds[1:]] for name in rounds[0]},
        resources=resources,
        loaded=loaded,
        usage=usage,
        # The growth of what Pulumi itself does: the delay of answers would hide it.
        growth=[] if latency else grow_stacks(),
    )


def parse_latency(text: str) -> float:
    """Return a delay in seconds.

    Args:
        text: A number of milliseconds with its unit, such as `100ms`.
    """
    number = text.removesuffix("ms")
    if number == text or not number.isdecimal() or int(number) > 1000 * LONGEST_SECONDS:
        raise UserError(
            f"The latency {text!r} is not a number of milliseconds from 0ms to {1000 * LONGEST_SECONDS:g}ms.",
            repair="--latency 100ms",
        )
    return int(number) / 1000


def delay_answers(engine: LocalEngine, latency: float) -> None:
    """Delay all answers of an account's emulators."""
    for url in (engine.account.aws_url, engine.account.github_url):
        set_latency(url, latency)


@contextmanager
def _delayed_engine(latency: float) -> Iterator[LocalEngine]:
    with scratch_engine() as engine:
        delay_answers(engine, latency)
        yield engine


def _time_whole_runs(latency: float) -> dict[str, float]:
    with _delayed_engine(latency) as engine:
        return {name: command.time_run() for name, command in whole_commands(engine).items()}


def _time_twin(terraform: Path | None, latency: float) -> dict[str, float]:
    if terraform is None:
        return {}
    with _delayed_engine(latency) as engine:
        return {name: command.time_run() for name, command in twin_commands(engine, terraform).items()}


@contextmanager
def _deployed_clusters() -> Iterator[dict[int, LocalEngine]]:
    """Deploy the stack once, and resize copies of its account to each number of storage nodes."""
    with ExitStack() as accounts:
        first = accounts.enter_context(scratch_engine())
        with show_progress("Deploying what is measured"):
            first.query_text("up", "--yes", "--skip-preview")
        servers.stop_emulators(first.account.folder)
        engines = {}
        for nodes in PREVIEW_BY_NODES:
            copy = accounts.enter_context(scratch_engine(like=first.account.folder))
            with show_progress(f"Resizing to {nodes} storage nodes"):
                engines[nodes] = replace(copy, settings=write_node_settings(copy.account.folder, nodes=nodes))
                engines[nodes].query_text("up", "--yes", "--skip-preview")
        yield engines
