"""The command `cfs boot-test`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from measure.boot.boot_runs import COUNTER_CHECKS, open_world, run_machines, select_machines
from measure.boot.host import require_host
from terminal.options import JsonOption
from terminal.results import CommandResult, ResultTable, finish_command, to_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure.boot.boot_runs import Observation

boot_test_app = typer.Typer()


@boot_test_app.command("boot-test")
def run_boot_test(
    profile: Annotated[str, typer.Option(help="only machines of this boot profile")] = "",
    situation: Annotated[str, typer.Option(help="only this situation, after the boot that it needs")] = "",
    *,
    counter_checks: Annotated[
        bool, typer.Option("--counter-checks", help="put repaired faults back, which the test must then find")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Boot machines from their user data in containers, and bring them into difficult situations."""
    machines = COUNTER_CHECKS if counter_checks else select_machines(profile, situation)
    require_host()
    with open_world() as world:
        observed = run_machines(world, machines)
    finish_command(_boot_report(observed), as_json=json)


def _boot_report(observed: Sequence[Observation]) -> CommandResult:
    wrong = [of for of in observed if of.problem]
    return CommandResult(
        table=ResultTable(
            title="Boots",
            columns=("machine", "profile", "situation", "seconds", "result"),
            rows=[
                (of.machine, of.profile, of.situation, f"{of.seconds:.0f}", "WRONG" if of.problem else "as wanted")
                for of in observed
            ],
        ),
        notes=[
            *(f"{of.machine}, {of.situation}: {of.problem}" for of in wrong),
            f"{len(observed)} situations, {len(wrong)} wrong",
        ],
        figures={"observations": [to_figures(of) for of in observed]},
        exit_code=1 if wrong else 0,
    )
