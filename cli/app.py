"""Entry point of `cfs`: maps command names to modules, and prints errors."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import typer

from cfs.engine import EngineError
from cfs.environments import register_environment
from cli.lazy import LazyCommand, lazy_group
from terminal.errors import UserError
from terminal.progress import console
from terminal.signals import install_signal_handlers

if TYPE_CHECKING:
    from cfs.environments import StackEnvironment

LAZY_COMMANDS = {
    "bootstrap": LazyCommand(
        target="cfs.bootstrap.app:bootstrap_app", summary="Prepare an account: state bucket, key, stack, settings."
    ),
    "destroy": LazyCommand(
        target="cfs.bootstrap.app:destroy_app", summary="Destroy an environment, including its state and key."
    ),
    "deploy": LazyCommand(target="cfs.deploy.app:app", summary="Publish releases, apply reviews, roll releases out."),
    "cluster": LazyCommand(target="cfs.cluster.app:app", summary="Start and stop the test cluster; show its cost."),
    "cost": LazyCommand(target="cfs.cost.app:app", summary="Estimate a stack's cost before its deployment."),
    "prices": LazyCommand(target="cfs.prices.app:app", summary="Refresh the snapshot of AWS's prices."),
    "guard": LazyCommand(target="cfs.guard.app:app", summary="Show the cost guard, pause it, resume it."),
    "report": LazyCommand(
        target="cfs.report.app:report_app", summary="Write the dashboards with their data as one page."
    ),
    "refresh": LazyCommand(
        target="cfs.recovery.app:refresh_app", summary="Refresh a stack's state without losing resources."
    ),
    "restore": LazyCommand(
        target="cfs.recovery.app:restore_app", summary="Restore a stack's state from the versions in its bucket."
    ),
    "doctor": LazyCommand(target="cfs.checkup.app:app", summary="Check an environment, and name what repairs it."),
    "status": LazyCommand(target="cfs.operate.app:status_app", summary="Show an environment on one screen."),
    "unlock": LazyCommand(target="cfs.operate.app:unlock_app", summary="Remove the lock of a dead run."),
    "diagnose": LazyCommand(target="cfs.operate.app:diagnose_app", summary="Summarize runs, account, cost and logs."),
    "import": LazyCommand(
        target="cfs.operate.app:import_app", summary="Find existing resources, and write Pulumi's import file."
    ),
    "ci": LazyCommand(target="cfs.ci.app:app", summary="Commands for continuous integration."),
    "local": LazyCommand(target="local.app:app", summary="Deploy on the emulated account, and look after it."),
    "schedule": LazyCommand(target="measure.app:schedule_app", summary="Simulate the cluster's schedules."),
    "figures": LazyCommand(target="measure.app:figures_app", summary="Count the code's names, lines and functions."),
    "diagram": LazyCommand(target="measure.app:diagram_app", summary="Draw a deployed stack's components."),
    "bench": LazyCommand(target="measure.app:bench_app", summary="Time previews and deployments on local accounts."),
    "rehearse": LazyCommand(
        target="measure.rehearsal.app:rehearse_app", summary="Rehearse a deployment to a real account."
    ),
    "disasters": LazyCommand(
        target="measure.disasters.app:disasters_app", summary="Rehearse the recoveries in docs/recovery.md."
    ),
    "scan": LazyCommand(target="measure.scan.app:scan_app", summary="Scan a deployed environment with prowler."),
    "boot-test": LazyCommand(
        target="measure.boot.app:boot_test_app", summary="Boot machines in containers, in difficult situations."
    ),
    "guard-bench": LazyCommand(
        target="measure.guard.app:guard_bench_app", summary="Count the cost guard's calls and seconds."
    ),
    "guard-faults": LazyCommand(
        target="measure.guard.app:guard_faults_app", summary="Let every call of the cost guard fail in every way."
    ),
    "guard-replay": LazyCommand(
        target="measure.guard.app:guard_replay_app", summary="Replay a day with a runaway launch under the cost guard."
    ),
    "status-pictures": LazyCommand(
        target="measure.guard.app:status_pictures_app", summary="Open the status page in Chromium; take its pictures."
    ),
    "chaos": LazyCommand(target="measure.app:chaos_app", summary="Kill the engine and check that `up` converges."),
}
"""Every command of `cfs`, by name."""

app = typer.Typer(
    cls=lazy_group(LAZY_COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Deploy ClaudeFS's infrastructure and look after it.",
)


@app.callback()
def _declare_group() -> None:
    """Make the Typer application a group although it has no registered commands."""


def _open_local_environment() -> StackEnvironment:
    opened: StackEnvironment = import_module("local.environment").open_local_environment()
    return opened


register_environment("local", _open_local_environment)


_COLLECTOR_THRESHOLDS = (50_000, 50, 100)
"""Thresholds of Python's garbage collector. With its defaults, collection takes a fifth of the time of `cfs doctor`,
which loads AWS's models."""


def main() -> None:
    """Run `cfs`; exit with status 1 and no traceback on `UserError` and `EngineError`."""
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)
    install_signal_handlers()
    try:
        app()
    except UserError as error:
        _print_problem("error:", error.problem)
        _print_problem("repair:", error.repair)
        sys.exit(1)
    except EngineError as error:
        _print_problem("error:", str(error))
        sys.exit(1)


def _print_problem(label: str, text: str) -> None:
    console.print(label, style="bold red" if label == "error:" else "bold", end=" ")
    console.print(text, soft_wrap=True)
