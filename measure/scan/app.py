"""The command `cfs scan`."""

from __future__ import annotations

import typer

from cfs.environments import find_stack_environment
from measure.scan.comparison import compare_findings, comparison_report
from measure.scan.explanations import EXPLANATIONS
from measure.scan.prowler import obtain_prowler, scan_account
from terminal.errors import UserError
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

scan_app = typer.Typer()


@scan_app.command("scan")
def scan_environment(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Scan a deployed environment with prowler, and compare its findings with those that have an explanation."""
    opened = find_stack_environment(environment)
    state = opened.open_engine().read_deployment()
    if not state.get("resources"):
        raise UserError(f"{environment} is not deployed.", repair=opened.redeploy_command)
    findings = scan_account(obtain_prowler(), region=opened.aws_region, variables=opened.credential_variables())
    compared = compare_findings(findings, EXPLANATIONS, environment=environment, state=state)
    # Environments differ by their settings; only the local one has them all.
    finish_command(comparison_report(compared, stale_is_wrong=opened.is_emulated), as_json=json)
