"""The commands `cfs deploy …`: read arguments, call the step, tell its result.

What the steps need is imported when one runs: the other commands of `cfs` wait for none of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from terminal.results import finish_command

app = typer.Typer(
    no_args_is_help=True,
    help="Publish releases, apply what was reviewed, and bring a release to an environment's nodes: docs/deploy.md.",
)

DeployEnvironmentOption = Annotated[
    str, typer.Option("--environment", help="the stack's name: prod, staging, or local for the emulated account")
]
DeployJsonOption = Annotated[bool, typer.Option("--json", help="print the result for programs")]
SizeOption = Annotated[int | None, typer.Option(help="storage nodes: the stack's setting clusterSize for this run")]
CommitOption = Annotated[
    str | None, typer.Option(help="the commit that is deployed; default: $GITHUB_SHA, else this project's")
]
SoakOption = Annotated[
    float, typer.Option(min=0, max=3600, help="seconds that a stage must stay green before the next begins")
]


@app.command("publish")
def deploy_publish(  # noqa: PLR0913 — one parameter an option
    *,
    environment: DeployEnvironmentOption,
    source: Annotated[Path, typer.Option("--from", help="folder with the tarballs, their bundles and SHA256SUMS")],
    version: Annotated[str, typer.Option(help="v1.2.3, or as `git describe --tags` prints it")],
    commit: Annotated[str, typer.Option(help="the 40 digits of the commit that was built")],
    repository: Annotated[str, typer.Option(help="whose attestation nodes accept: owner/name")],
    signer_workflow: Annotated[
        str, typer.Option(help="the workflow that attests")
    ] = ".github/workflows/release-build.yml",
    json: DeployJsonOption = False,
) -> None:
    """Put a built release into the bucket, where nothing is ever overwritten."""
    from cfs.deploy import steps  # noqa: PLC0415 — see above

    built = steps.BuildSource(version=version, commit=commit, repository=repository, signer_workflow=signer_workflow)
    finish_command(steps.publish_build(environment, source, built), as_json=json)


@app.command("preview")
def deploy_preview(
    *,
    environment: DeployEnvironmentOption,
    cluster_size: SizeOption = None,
    commit: CommitOption = None,
    review: Annotated[Path, typer.Option(help="file that what is to be reviewed is written to")] = Path("review.json"),
    json: DeployJsonOption = False,
) -> None:
    """Show what would change in the infrastructure, with the digest to approve."""
    from cfs.deploy import reviewed_apply as applying  # noqa: PLC0415 — see above

    wanted = applying.WantedDeployment(environment=environment, cluster_size=cluster_size, commit=commit)
    finish_command(applying.preview_for_review(wanted, file=review), as_json=json)


@app.command("apply")
def deploy_apply(  # noqa: PLR0913 — one parameter an option
    *,
    environment: DeployEnvironmentOption,
    digest: Annotated[str, typer.Option(help="output of `preview` that was approved")],
    review: Annotated[Path | None, typer.Option(help="the file of that preview, to say what differs")] = None,
    cluster_size: SizeOption = None,
    commit: CommitOption = None,
    json: DeployJsonOption = False,
) -> None:
    """Change what was reviewed, or nothing."""
    from cfs.deploy import reviewed_apply as applying  # noqa: PLC0415 — see above

    wanted = applying.WantedDeployment(environment=environment, cluster_size=cluster_size, commit=commit)
    finish_command(applying.apply_reviewed(wanted, digest=digest, file=review), as_json=json)


@app.command("roll-out")
def deploy_roll_out(
    *,
    environment: DeployEnvironmentOption,
    release: Annotated[str, typer.Option(help="key of the release: releases/<commit>/release.json")],
    sha256: Annotated[str, typer.Option(help="sum that the release's file must have")] = "",
    soak: SoakOption = 60.0,
    json: DeployJsonOption = False,
) -> None:
    """Bring a release to all nodes, stage by stage; a stage that fails takes it back."""
    from cfs.deploy import steps  # noqa: PLC0415 — see above

    finish_command(steps.roll_out_release(environment, release, sha256=sha256 or None, soak=soak), as_json=json)


@app.command("roll-back")
def deploy_roll_back(
    *, environment: DeployEnvironmentOption, soak: SoakOption = 60.0, json: DeployJsonOption = False
) -> None:
    """Take an unfinished roll-out back, or go back to the version before."""
    from cfs.deploy import steps  # noqa: PLC0415 — see above

    finish_command(steps.roll_back_release(environment, soak=soak), as_json=json)


@app.command("status")
def deploy_status(*, environment: DeployEnvironmentOption, json: DeployJsonOption = False) -> None:
    """Show what the environment runs, and who deploys to it."""
    from cfs.deploy import steps  # noqa: PLC0415 — see above

    finish_command(steps.environment_status(environment), as_json=json)
