"""The command `cfs boot-test`."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from measure.boot.boot_runs import (
    CONTAINERS_AT_ONCE,
    COUNTER_CHECKS,
    PLAN,
    VIRTUAL_MACHINES_AT_ONCE,
    VIRTUAL_PLAN,
    open_world,
    prepare_containers,
    prepare_virtual_machines,
    run_machines,
    select_machines,
)
from measure.boot.host import require_host
from terminal.options import JsonOption
from terminal.results import CommandResult, ResultTable, finish_command, to_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure.boot.boot_runs import Observation

boot_test_app = typer.Typer()


class GuestKind(StrEnum):
    """Kinds of guests."""

    CONTAINER = "container"
    EMULATED = "emulated"
    KVM = "kvm"


@boot_test_app.command("boot-test")
def run_boot_test(
    profile: Annotated[str, typer.Option(help="only machines of this boot profile")] = "",
    situation: Annotated[str, typer.Option(help="only this situation, after the boot that it needs")] = "",
    *,
    counter_checks: Annotated[
        bool, typer.Option("--counter-checks", help="put repaired faults back, which the test must then find")
    ] = False,
    guests: Annotated[
        GuestKind,
        typer.Option(help="containers, or virtual machines whose processor is emulated or, by KVM, this one's"),
    ] = GuestKind.CONTAINER,
    json: JsonOption = False,
) -> None:
    """Boot machines from their user data, and bring them into difficult situations."""
    is_virtual = guests != GuestKind.CONTAINER
    plan = VIRTUAL_PLAN if is_virtual else PLAN
    machines = COUNTER_CHECKS if counter_checks else select_machines(plan, profile, situation)
    require_host(is_virtual=is_virtual)
    prepare_system = (
        partial(prepare_virtual_machines, uses_kvm=guests == GuestKind.KVM) if is_virtual else prepare_containers
    )
    with open_world(prepare_system) as world:
        at_once = VIRTUAL_MACHINES_AT_ONCE if is_virtual else CONTAINERS_AT_ONCE
        observed = run_machines(world, machines, at_once=at_once)
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
