"""Times a stack's whole life with several numbers of parallel operations, on accounts with EC2's request limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.aws.conditions import CONDITIONS_PATH, Conditions
from local.emulator_requests import send_json
from local.operations import set_conditions
from measure.bench.measurement import delay_answers
from measure.bench.timed_commands import TITLES, pulumi_command, whole_commands
from measure.scratch_account import scratch_engine
from terminal.errors import UserError
from terminal.progress import show_progress
from terminal.results import CommandResult, ResultTable, to_figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine import LocalEngine
    from measure.bench.timed_commands import TimedCommand

MOST_PARALLEL = 1000


@dataclass(frozen=True, kw_only=True)
class ParallelRun:
    """A stack's life with a number of parallel operations.

    Attributes:
        parallel: The number.
        seconds: Time of each command, by its name in `TITLES`.
        throttled: Requests that EC2's limits have refused, by command; the AWS provider repeats them.
    """

    parallel: int
    seconds: Mapping[str, float]
    throttled: Mapping[str, int]


def parse_parallel(text: str) -> list[int]:
    """Return numbers of parallel operations.

    Args:
        text: The numbers with commas between them, such as `8,16`.
    """
    numbers = [part.strip() for part in text.split(",")]
    wrong = [part for part in numbers if not part.isdecimal() or not 1 <= int(part) <= MOST_PARALLEL]
    if wrong:
        raise UserError(
            f"{wrong[0]!r} in --parallel {text} is not a number from 1 to {MOST_PARALLEL}.", repair="--parallel 8,16"
        )
    return [int(part) for part in numbers]


def compare_parallelism(numbers: Sequence[int], *, latency: float) -> list[ParallelRun]:
    """Create, refresh and destroy a stack on a new account for each number of parallel operations.

    Args:
        numbers: The numbers.
        latency: Delay of each answer of the emulators, in seconds.
    """
    runs = []
    with show_progress("Creating, refreshing and destroying stacks") as progress:
        for done, parallel in enumerate(numbers, start=1):
            with scratch_engine() as engine:
                delay_answers(engine, latency)
                runs.append(_time_life(engine, parallel))
            progress.advance_to(done, len(numbers))
    return runs


def _time_life(engine: LocalEngine, parallel: int) -> ParallelRun:
    url = engine.account.aws_url
    whole = whole_commands(engine)
    commands = {
        "firstUp": whole["firstUp"],
        "previewRefresh": pulumi_command(engine, "preview", "--refresh"),
        "destroy": whole["destroy"],
    }
    seconds, throttled = {}, {}
    for name, command in commands.items():
        # The buckets are full again, as after a few seconds without requests.
        set_conditions(url, Conditions(request_limits=True))
        seconds[name] = _with_parallel(command, parallel).time_run()
        throttled[name] = int(send_json(f"{url}{CONDITIONS_PATH}")["faults"].get("throttled", 0))
    return ParallelRun(parallel=parallel, seconds=seconds, throttled=throttled)


def _with_parallel(command: TimedCommand, parallel: int) -> TimedCommand:
    return replace(command, arguments=(*command.arguments, "--parallel", str(parallel)))


def parallelism_report(runs: Sequence[ParallelRun], *, latency: float) -> CommandResult:
    """Return the report of a comparison.

    Args:
        runs: The runs.
        latency: Delay of each answer of the emulators, in seconds.
    """
    names = list(runs[0].seconds)
    return CommandResult(
        table=ResultTable(
            title=f"Each answer {1000 * latency:g} ms later, with EC2's request limits",
            columns=("parallel", *(TITLES[name] for name in names), "throttled"),
            rows=[
                (
                    str(run.parallel),
                    *(f"{run.seconds[name]:.1f} s" for name in names),
                    str(sum(run.throttled.values())),
                )
                for run in runs
            ],
        ),
        figures={"latencySeconds": latency, "runs": [to_figures(run) for run in runs]},
    )
