"""Commands `cfs deploy`: read arguments, call the module that does the work, print its result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cfs.clock import SystemClock
from cfs.deploy.artifact_store import find_artifact_store
from cfs.deploy.environment_status import read_environment_status, status_result
from cfs.deploy.lease import HeldRecord, lease_holder
from cfs.deploy.node_list import NodeLister
from cfs.deploy.outcome_metric import count_failure, count_outcome
from cfs.deploy.publish import BuildSource, describe_release, find_tarballs, publish_result, upload_release
from cfs.deploy.recover import recover_environment
from cfs.deploy.releases import read_release_target
from cfs.deploy.reviewed_apply import WantedDeployment, apply_reviewed, preview_for_review
from cfs.deploy.rollout import (
    RollOutContext,
    RollOutTimeouts,
    pause_holding_lease,
    roll_out_result,
    run_roll_back,
    run_roll_out,
)
from cfs.deploy.run_commands import NodeCommandRunner
from cfs.environments import find_stack_environment
from terminal.job_outputs import run_page_url
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(
    no_args_is_help=True,
    help="Publish releases, apply reviewed changes, and roll a release out to an environment's nodes: docs/deploy.md.",
)

SizeOption = Annotated[int | None, typer.Option(help="number of storage nodes: the setting clusterSize for this run")]
CommitOption = Annotated[
    str | None, typer.Option(help="the deployed commit; default: $GITHUB_SHA, else this project's")
]
SoakOption = Annotated[
    float,
    typer.Option(
        min=0, max=3600, envvar="CFS_SOAK_SECONDS", help="seconds that a stage must stay green before the next stage"
    ),
]


@app.command("publish")
def deploy_publish(  # noqa: PLR0913 — one parameter per option
    *,
    environment: EnvironmentOption,
    source: Annotated[Path, typer.Option("--from", help="folder with the tarballs, their bundles and SHA256SUMS")],
    version: Annotated[str, typer.Option(help="v1.2.3, or as `git describe --tags` prints it")],
    commit: Annotated[str, typer.Option(help="the built commit, 40 digits")],
    repository: Annotated[str, typer.Option(help="owner/name of the repository whose attestation nodes accept")],
    signer_workflow: Annotated[
        str, typer.Option(help="path of the workflow that attests")
    ] = ".github/workflows/release-build.yml",
    json: JsonOption = False,
) -> None:
    """Upload a built release to the bucket. Published releases are never overwritten."""
    target = find_stack_environment(environment)
    built = find_tarballs(source)
    release = describe_release(
        built, BuildSource(version=version, commit=commit, repository=repository, signer_workflow=signer_workflow)
    )
    store = find_artifact_store(target.connect_aws(), environment)
    finish_command(publish_result(upload_release(store, built, release)), as_json=json)


@app.command("preview")
def deploy_preview(
    *,
    environment: EnvironmentOption,
    cluster_size: SizeOption = None,
    commit: CommitOption = None,
    review: Annotated[Path, typer.Option(help="file to write the review to")] = Path("review.json"),
    json: JsonOption = False,
) -> None:
    """Show what would change in the infrastructure, with the digest to approve."""
    wanted = WantedDeployment(environment=environment, cluster_size=cluster_size, commit=commit)
    finish_command(preview_for_review(wanted, file=review), as_json=json)


@app.command("apply")
def deploy_apply(  # noqa: PLR0913 — one parameter per option
    *,
    environment: EnvironmentOption,
    digest: Annotated[str, typer.Option(help="the approved output of `preview`")],
    review: Annotated[Path | None, typer.Option(help="the file of that preview, to show differences")] = None,
    cluster_size: SizeOption = None,
    commit: CommitOption = None,
    json: JsonOption = False,
) -> None:
    """Apply exactly the reviewed changes, or nothing."""
    wanted = WantedDeployment(environment=environment, cluster_size=cluster_size, commit=commit)
    with count_failure(environment):
        applied = apply_reviewed(wanted, digest=digest, file=review)
    finish_command(applied, as_json=json)


@app.command("recover")
def deploy_recover(*, environment: EnvironmentOption, json: JsonOption = False) -> None:
    """Record resources that a dead `apply` had created."""
    finish_command(recover_environment(find_stack_environment(environment)), as_json=json)


@app.command("roll-out")
def deploy_roll_out(
    *,
    environment: EnvironmentOption,
    release: Annotated[str, typer.Option(help="key of the release: releases/<commit>/release.json")],
    sha256: Annotated[str, typer.Option(help="SHA-256 sum that the release's file must have")] = "",
    soak: SoakOption = 60.0,
    json: JsonOption = False,
) -> None:
    """Roll a release out to all nodes, stage by stage; a failed stage is rolled back."""
    context = _roll_out_context(environment, soak=soak)
    wanted = read_release_target(context.store, release, sha256=sha256 or None)
    with count_failure(environment):
        outcome = run_roll_out(context, wanted=wanted)
    count_outcome(environment, has_failed=not outcome.is_as_asked, failed_probes=len(outcome.red_nodes))
    finish_command(roll_out_result(outcome, environment=environment), as_json=json)


@app.command("roll-back")
def deploy_roll_back(*, environment: EnvironmentOption, soak: SoakOption = 60.0, json: JsonOption = False) -> None:
    """Reverse an unfinished roll-out, or return to the previous version."""
    outcome = run_roll_back(_roll_out_context(environment, soak=soak))
    finish_command(roll_out_result(outcome, environment=environment), as_json=json)


@app.command("status")
def deploy_status(*, environment: EnvironmentOption, json: JsonOption = False) -> None:
    """Show what the environment runs, and who is deploying to it."""
    aws = find_stack_environment(environment).connect_aws()
    status = read_environment_status(
        find_artifact_store(aws, environment),
        NodeLister(aws, environment=environment),
        environment=environment,
        now=SystemClock().now(),
    )
    finish_command(status_result(status), as_json=json)


def _roll_out_context(environment: str, *, soak: float) -> RollOutContext:
    aws = find_stack_environment(environment).connect_aws()
    store = find_artifact_store(aws, environment)
    clock = SystemClock()
    held = HeldRecord(store, environment=environment, holder=lease_holder(os.environ), run=run_page_url(), clock=clock)
    return RollOutContext(
        environment=environment,
        store=store,
        nodes=NodeLister(aws, environment=environment),
        commands=NodeCommandRunner(
            aws,
            environment=environment,
            clock=clock,
            pause=lambda seconds: pause_holding_lease(clock, held, seconds),
        ),
        held_record=held,
        clock=clock,
        timeouts=RollOutTimeouts(),
        soak_seconds=soak,
    )
