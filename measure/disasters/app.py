"""The command `cfs disasters`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from measure.disasters.disasters import DISASTERS, require_unchanged
from measure.disasters.recovery_page import RECOVERY_PAGE, preparing_commands, recovery_commands
from measure.rehearsal.aws_cli import install_aws_cli
from measure.rehearsal.first_deployment import deploy_first, start_nodes
from measure.rehearsal.rehearsal import rehearsal_folder
from measure.rehearsal.rehearsed_account import ENVIRONMENT, set_up_account
from measure.rehearsal.runner_host import nobody_cancels
from terminal.errors import UserError
from terminal.options import JsonOption
from terminal.progress import console
from terminal.results import CommandResult, ResultTable, finish_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from measure.disasters.disasters import Disaster
    from measure.rehearsal.rehearsed_account import RehearsedAccount

disasters_app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """A rehearsed recovery.

    Attributes:
        disaster: The disaster.
        seconds: Duration of the page's commands.
        problem: Why the recovery failed, or "".
    """

    disaster: Disaster
    seconds: float
    problem: str


@disasters_app.command("disasters")
def run_disasters(
    only: Annotated[str, typer.Option(help="only the disaster with this heading in docs/recovery.md")] = "",
    *,
    json: JsonOption = False,
) -> None:
    """Cause each disaster on an emulated account, and recover by the commands in docs/recovery.md."""
    chosen = [disaster for disaster in DISASTERS if only in ("", disaster.heading)]
    if not chosen:
        known = ", ".join(disaster.heading for disaster in DISASTERS)
        raise UserError(f"There is no disaster {only!r}.", repair=f"give --only one of: {known}")
    with rehearsal_folder(keep=False) as folder:
        rehearsed = set_up_account(folder, watch=nobody_cancels)
        install_aws_cli(folder / "programs")
        deploy_first(rehearsed)
        start_nodes(rehearsed)
        recoveries = list(_rehearse_recoveries(rehearsed, chosen))
    finish_command(_recoveries_report(recoveries), as_json=json)


def _rehearse_recoveries(rehearsed: RehearsedAccount, disasters: Sequence[Disaster]) -> Iterator[Recovery]:
    """Yield each recovery, until one fails: the next would start from what it left."""
    for disaster in disasters:
        recovery = _rehearse_recovery(rehearsed, disaster)
        yield recovery
        if recovery.problem:
            return


def _rehearse_recovery(rehearsed: RehearsedAccount, disaster: Disaster) -> Recovery:
    page, problem = RECOVERY_PAGE.read_text(encoding="utf-8"), ""
    _run_commands(rehearsed, preparing_commands(page, disaster.heading))
    rehearsed.exported.update(disaster.cause(rehearsed))
    began = time.monotonic()
    try:
        _run_commands(rehearsed, recovery_commands(page, disaster.heading))
        seconds = time.monotonic() - began
        require_unchanged(rehearsed)
        disaster.verify(rehearsed)
    except UserError as error:
        seconds, problem = time.monotonic() - began, error.problem
    console.print(f"{seconds:6.1f} s  {disaster.heading}{'  WRONG' if problem else ''}")
    return Recovery(disaster=disaster, seconds=seconds, problem=problem)


def _run_commands(rehearsed: RehearsedAccount, commands: str) -> None:
    if commands:
        rehearsed.run_as_administrator("bash", "-euo", "pipefail", "-c", f"ENVIRONMENT={ENVIRONMENT}\n{commands}")


def _recoveries_report(recoveries: Sequence[Recovery]) -> CommandResult:
    wrong = [of for of in recoveries if of.problem or of.seconds > of.disaster.limit]
    return CommandResult(
        table=ResultTable(
            title="Recoveries",
            columns=("disaster", "seconds", "limit", "result"),
            rows=[
                (
                    of.disaster.heading,
                    f"{of.seconds:.1f}",
                    f"{of.disaster.limit:.0f}",
                    "WRONG" if of in wrong else "recovered",
                )
                for of in recoveries
            ],
        ),
        notes=[
            *(f"{of.disaster.heading}: {of.problem}" for of in wrong),
            f"{len(recoveries)} disasters, {len(wrong)} wrong",
        ],
        figures={
            "recoveries": [
                {
                    "disaster": of.disaster.heading,
                    "seconds": of.seconds,
                    "limit": of.disaster.limit,
                    "problem": of.problem,
                }
                for of in recoveries
            ]
        },
        exit_code=1 if wrong else 0,
    )
