"""Commands `cfs doctor`."""

from __future__ import annotations

import typer

from cfs.doctor.cost_tags import examine_cost_tags
from cfs.doctor.findings import findings_report
from cfs.doctor.preflight import examine_github, github_report
from cfs.environments import find_stack_environment
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(no_args_is_help=True, help="Check a deployment's prerequisites.")


@app.command("github")
def doctor_github(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Check, before a deployment, whether GitHub will accept the resources that the stack declares."""
    finish_command(github_report(examine_github(environment), stack=environment), as_json=json)


@app.command("costs")
def doctor_costs(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Check whether AWS counts costs by the tags of the stack's resources."""
    findings = examine_cost_tags(find_stack_environment(environment).connect_aws())
    finish_command(findings_report(findings, title=f"Cost allocation tags, for {environment}"), as_json=json)
