"""Commands `cfs doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from cfs.checkup.checks import ACTIVATION_PHASES, phase_checks
from cfs.checkup.examination import examine_environment
from cfs.doctor.cost_tags import examine_cost_tags
from cfs.doctor.findings import findings_report
from cfs.doctor.preflight import examine_github, github_report
from cfs.environments import find_stack_environment
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(help="Check an environment, before its first deployment and later, and name what repairs it.")


@app.callback(invoke_without_command=True)
def doctor_environment(
    context: typer.Context,
    environment: EnvironmentOption = "local",
    phase: Annotated[
        int | None,
        typer.Option(min=min(ACTIVATION_PHASES), max=max(ACTIVATION_PHASES), help="only what this phase needs"),
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Check everything: account, repository, and what is deployed. Exit with 1 if something is wrong."""
    if context.invoked_subcommand is not None:
        # `cfs doctor --environment prod github` means prod, too.
        context.default_map = {name: {"environment": environment, "json": json} for name in ("github", "costs")}
        return
    findings = examine_environment(find_stack_environment(environment), phase_checks(phase))
    title = f"{environment}, phase {phase}: {ACTIVATION_PHASES[phase]}" if phase else environment
    finish_command(findings_report(findings, title=title), as_json=json)


@app.command("github")
def doctor_github(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Check, before a deployment, whether GitHub will accept the resources that the stack declares."""
    finish_command(github_report(examine_github(environment), stack=environment), as_json=json)


@app.command("costs")
def doctor_costs(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Check whether AWS counts costs by the tags of the stack's resources."""
    findings = examine_cost_tags(find_stack_environment(environment).connect_aws())
    finish_command(findings_report(findings, title=f"Cost allocation tags, for {environment}"), as_json=json)
