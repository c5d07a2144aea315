"""Commands `cfs ci`: read arguments, call the module that does the work, print its result."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cfs.ci.deploy_source import find_deploy_source
from cfs.ci.job_repository import job_repository
from cfs.ci.preview_comment import comment_text, summary_section
from cfs.ci.preview_summary import PreviewSummary, read_preview_summaries
from cfs.ci.rust_workspace import read_workspace
from cfs.ci.stack_preview import summarize_preview
from cfs.ci.workflow_lint import check_workflows, own_workflow_files
from cfs.previews.policy_findings import mandatory_findings
from infra.github.delivery import delivered_files
from terminal.job_outputs import run_page_url
from terminal.options import EnvironmentOption
from terminal.progress import console
from terminal.results import CommandResult, finish_command

app = typer.Typer(no_args_is_help=True, help="Commands for continuous integration.")

CheckoutOption = Annotated[Path, typer.Option(help="a checkout of ClaudeFS")]

PREVIEW_PURPOSE = "preview"
"""Purpose of the comment on a pull request."""


@app.command("lint")
def ci_lint() -> None:
    """Lint the delivered workflow files and this project's own."""
    wrong = False
    for repository, files in (("ClaudeFS", delivered_files()), ("claudefs-infra", own_workflow_files())):
        for verdict in check_workflows(files):
            wrong = wrong or bool(verdict.findings)
            console.print(f"{repository}: {verdict.name}: {'wrong' if verdict.findings else 'ok'}", highlight=False)
            if verdict.findings:
                console.print(verdict.findings, highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@app.command("workspace")
def ci_workspace(checkout: Annotated[Path, typer.Argument(help="a checkout of ClaudeFS")]) -> None:
    """Print the manifest of ClaudeFS's workspace, against which the workflows are tested."""
    sys.stdout.write(json.dumps(asdict(read_workspace(checkout)), indent=2) + "\n")


@app.command("environments")
def ci_environments(names: Annotated[list[str], typer.Argument(help="environments of the repository")]) -> None:
    """Fail if the job's repository lacks one of these environments."""
    job_repository().require_environments(names)


@app.command("source")
def ci_source(
    checkout: CheckoutOption,
    version: Annotated[str, typer.Option(help="release to deploy; empty: the checked-out commit")] = "",
) -> None:
    """Resolve the version to deploy: outputs `version`, `commit`, and `built` (whether its release exists)."""
    source = find_deploy_source(checkout, version=version)
    origin = "its release" if source.built else "built from its commit"
    finish_command(
        CommandResult(
            text=f"{source.version}, commit {source.commit}, {origin}",
            job_summary=f"Deploys **{source.version}**, commit `{source.commit}`, {origin}.",
            job_outputs={"version": source.version, "commit": source.commit, "built": str(source.built).lower()},
        )
    )


@app.command("preview")
def ci_preview(
    environment: EnvironmentOption,
    output: Annotated[Path, typer.Option(help="file for `cfs ci comment`")],
    *,
    drift: Annotated[bool, typer.Option("--drift", help="also look for drift")] = False,
) -> None:
    """Preview what `up` would change in a stack."""
    summary = summarize_preview(environment, drift=drift)
    output.write_text(summary.model_dump_json(indent=2))
    text = summary_section(summary)
    finish_command(CommandResult(text=text, job_summary=text))


@app.command("comment")
def ci_comment(
    pull_request: Annotated[int, typer.Option(help="number of the pull request")],
    folder: Annotated[Path, typer.Option("--from", help="folder with the files of `cfs ci preview`")],
    expected: Annotated[str, typer.Option(help="JSON list of environments; a missing one counts as failed")],
    section: Annotated[list[Path] | None, typer.Option(help="Markdown file to append")] = None,
) -> None:
    """Create or update the pull request's comment with the previews; fail if a policy refuses one."""
    sections = [path.read_text() for path in section or []]
    summaries = read_preview_summaries(folder, expected)
    text = comment_text(
        summaries,
        title="Infrastructure preview",
        purpose=PREVIEW_PURPOSE,
        sections=sections,
        page=run_page_url(),
    )
    job_repository().write_comment(pull_request, text, purpose=PREVIEW_PURPOSE)
    refused = any(mandatory_findings(summary.policies) for summary in summaries.values() if summary)
    finish_command(CommandResult(job_summary=text, exit_code=1 if refused else 0))


@app.command("drift")
def ci_drift(file: Annotated[Path, typer.Option("--from", help="file of `cfs ci preview --drift`")]) -> None:
    """Report drift: create or update an issue and exit with status 1; close the issue if nothing drifted."""
    summary = PreviewSummary.model_validate_json(file.read_bytes())
    purpose = f"drift of {summary.environment}"
    if not summary.drift:
        job_repository().close_issue(purpose=purpose)
        finish_command(CommandResult(text="Nothing has drifted."))
        return
    title = f"Drift: {summary.environment} differs from its last deployment"
    text = comment_text({summary.environment: summary}, title=title, purpose=purpose, page=run_page_url())
    job_repository().write_issue(title, text, purpose=purpose)
    text = f"{len(summary.drift)} resources have drifted; the issue lists them."
    finish_command(CommandResult(text=text, exit_code=1))
