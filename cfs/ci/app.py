"""The commands `cfs ci`: read arguments, call what does the work, and print its result."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cfs.ci import job
from terminal.progress import console

app = typer.Typer(no_args_is_help=True, help="What continuous integration calls.")

Environment = Annotated[str, typer.Option(help="the stack: prod, staging, or local for the emulated account")]
Checkout = Annotated[Path, typer.Option(help="a checkout of ClaudeFS")]

PREVIEW = "preview"
"""The purpose of the comment on a pull request."""


@app.command()
def lint() -> None:
    """Check the workflow files that are delivered and this project's own."""
    from cfs.ci import lint as checker  # noqa: PLC0415 — the other commands need none of it
    from infra.github.delivery import delivered  # noqa: PLC0415 — likewise

    wrong = False
    for repository, files in (("ClaudeFS", delivered()), ("claudefs-infra", checker.own_files())):
        for verdict in checker.check(files):
            wrong = wrong or bool(verdict.findings)
            console.print(f"{repository}: {verdict.name}: {'wrong' if verdict.findings else 'ok'}", highlight=False)
            if verdict.findings:
                console.print(verdict.findings, markup=False, highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@app.command()
def workspace(checkout: Annotated[Path, typer.Argument(help="a checkout of ClaudeFS")]) -> None:
    """Print what ClaudeFS's workspace has: the manifest that the workflows are tested against."""
    from cfs.ci.workspace import read  # noqa: PLC0415 — likewise

    sys.stdout.write(json.dumps(asdict(read(checkout)), indent=2) + "\n")


@app.command()
def source(
    checkout: Checkout,
    version: Annotated[str, typer.Option(help="the release to deploy; empty: the commit that is checked out")] = "",
) -> None:
    """Find out what a deployment is of: outputs `version`, `commit`, and `built`, whether its release is there."""
    from cfs.ci.source import find  # noqa: PLC0415 — likewise

    found = find(checkout, version=version)
    what = "its release" if found.built else "built from its commit"
    console.print(f"{found.version}, commit {found.commit}, {what}", highlight=False)
    job.summarize(f"Deploys **{found.version}**, commit `{found.commit}`, {what}.")
    job.output({"version": found.version, "commit": found.commit, "built": str(found.built).lower()})


@app.command()
def preview(
    environment: Environment,
    output: Annotated[Path, typer.Option(help="file for `cfs ci comment`")],
    *,
    drift: Annotated[bool, typer.Option("--drift", help="look for drift too")] = False,
) -> None:
    """See what `up` would change in a stack, and change nothing."""
    from cfs.ci.markdown import section  # noqa: PLC0415 — likewise
    from cfs.ci.stack import look  # noqa: PLC0415 — likewise

    seen = look(environment, drift=drift)
    output.write_text(seen.to_json())
    text = section(seen)
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    job.summarize(text)


@app.command()
def comment(
    pull_request: Annotated[int, typer.Option(help="its number")],
    folder: Annotated[Path, typer.Option("--from", help="folder with what `cfs ci preview` wrote")],
    expected: Annotated[str, typer.Option(help="the environments, a JSON list; one that is missing has failed")],
    section: Annotated[list[Path] | None, typer.Option(help="Markdown file that the comment ends with")] = None,
) -> None:
    """Write the previews of all environments as one comment on a pull request, in place of the last one."""
    from cfs.ci import markdown  # noqa: PLC0415 — likewise
    from cfs.ci.github import this_repository  # noqa: PLC0415 — likewise
    from cfs.ci.look import collected  # noqa: PLC0415 — likewise

    sections = [path.read_text() for path in section or []]
    text = markdown.comment(
        collected(folder, expected), title="Infrastructure preview", purpose=PREVIEW, sections=sections, page=job.page()
    )
    this_repository().write_comment(pull_request, text, purpose=PREVIEW)
    job.summarize(text)


@app.command()
def drift(file: Annotated[Path, typer.Option("--from", help="what `cfs ci preview --drift` wrote")]) -> None:
    """Tell of drift: opens an issue or writes it anew and ends with status 1; without drift closes it."""
    from cfs.ci import markdown  # noqa: PLC0415 — likewise
    from cfs.ci.github import this_repository  # noqa: PLC0415 — likewise
    from cfs.ci.look import Look  # noqa: PLC0415 — likewise

    seen = Look.from_json(file.read_text())
    purpose = f"drift of {seen.environment}"
    if not seen.drift:
        this_repository().close_issue(purpose=purpose)
        console.print("Nothing has drifted.")
        return
    title = f"Drift: {seen.environment} is not as it was deployed"
    text = markdown.comment({seen.environment: seen}, title=title, purpose=purpose, page=job.page())
    this_repository().write_issue(title, text, purpose=purpose)
    console.print(f"{len(seen.drift)} resources have drifted; the issue lists them.", highlight=False)
    raise typer.Exit(1)
