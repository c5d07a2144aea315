"""Previews an environment's stack for review, and applies exactly the reviewed changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.cost.stack_cost import change_cost_section
from cfs.deploy.omissions import refuse_omissions
from cfs.deploy.operator_changes import refuse_operator_changes
from cfs.deploy.planned_stack import head_commit, open_stack, program_digest
from cfs.deploy.review import Review, review_differences, review_of_preview, review_summary, review_text
from cfs.doctor.preflight import check_stack_github, is_github_resource
from cfs.doctor.resource_types import REPOSITORY_FILE_TYPE
from cfs.environments import find_stack_environment
from cfs.previews.changes import changing_steps, read_preview_errors
from cfs.previews.policy_findings import mandatory_findings, policies_section, read_policy_findings
from terminal.errors import UserError
from terminal.job_outputs import run_page_url
from terminal.results import CommandResult

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cfs.deploy.planned_stack import PlannedStack, StackPreview

DIFFERS_EXIT_CODE = 3
"""Exit code: the current preview differs from the reviewed one; nothing was changed."""


_UNFINISHED_NOTE = (
    "An earlier run died. `cfs deploy apply` first records what that run created, and may then refuse this digest."
)


@dataclass(frozen=True, kw_only=True)
class WantedDeployment:
    """Options of a deployment.

    Attributes:
        environment: The stack's name.
        cluster_size: Number of storage nodes for this run; None means the settings file's.
        commit: The deployed commit; None means `$GITHUB_SHA`, or outside a job the checked-out commit of this project.
    """

    environment: str
    cluster_size: int | None
    commit: str | None


def preview_for_review(wanted: WantedDeployment, *, file: Path) -> CommandResult:
    """Preview the stack, and write the review to a file."""
    with open_stack(wanted.environment, cluster_size=wanted.cluster_size, applies=False) as stack:
        unfinished = stack.is_unfinished()
        review, complaints, previewed = _review_preview(stack, wanted)
    if not complaints:
        _write_review(file, review)
    cost = change_cost_section(wanted.environment, previewed.content)
    findings = read_policy_findings(previewed.content)
    note = _UNFINISHED_NOTE if unfinished else ""
    return CommandResult(
        text=review_text(review, complaints),
        notes=[note] if note else (),
        job_summary=f"{review_summary(review, complaints, cost=cost, policies=policies_section(findings))}\n{note}",
        # A review that cannot be applied must not be approved either.
        job_outputs={"changes": str(len(review.changes))}
        | ({} if complaints else {"digest": review.review_digest, "review": str(file)}),
        figures={
            "digest": review.review_digest,
            "errors": complaints,
            "policies": [finding.finding_text for finding in findings],
            "review": review.model_dump(by_alias=True),
        },
        exit_code=1 if complaints else 0,
    )


def apply_reviewed(wanted: WantedDeployment, *, digest: str, file: Path | None) -> CommandResult:
    """Apply the reviewed changes; if the current preview differs, change nothing and report the differences.

    The engine is constrained to the plan of the compared preview, so later changes cannot slip in.
    """
    reviewed = _read_review(file, digest) if file else None
    with open_stack(wanted.environment, cluster_size=wanted.cluster_size, applies=True) as stack:
        review, complaints, previewed = _review_preview(stack, wanted)
        if review.review_digest != digest:
            return _refusal_result(review, reviewed, digest)
        if complaints:
            raise UserError(
                f"The reviewed changes cannot be applied: {' '.join(complaints)}",
                repair="change the program or the settings, and review a new preview",
            )
        _check_github(stack, wanted.environment, previewed.content)
        stack.apply_plan(previewed.plan)
    changed = f"{len(review.changes)} resources"
    return CommandResult(
        text=f"{wanted.environment}: {changed} changed, as reviewed",
        job_summary=f"### {wanted.environment}: {changed} changed\n\nAs reviewed: digest `{digest}`\n",
        job_outputs={"changes": str(len(review.changes))},
        figures={"digest": digest, "changes": len(review.changes), "applied": True},
    )


def _check_github(stack: PlannedStack, environment: str, preview: Mapping[str, Any]) -> None:
    """Raise an error before anything changes if GitHub would refuse a change, or an edit on GitHub would be lost."""
    steps = changing_steps(preview)
    if any(is_github_resource(step.get("oldState") or step["newState"]) for step in steps):
        changed = [step["oldState"] for step in steps if "oldState" in step]
        check_stack_github(
            environment,
            recorded=list(filter(is_github_resource, stack.recorded_resources())),
            delivered=[state["inputs"]["file"] for state in changed if state["type"] == REPOSITORY_FILE_TYPE],
            retry_command="cfs deploy apply",
        )


def _review_preview(stack: PlannedStack, wanted: WantedDeployment) -> tuple[Review, list[str], StackPreview]:
    commit = _deployed_commit(wanted)
    previewed = stack.preview_plan()
    review = review_of_preview(
        previewed.content,
        environment=wanted.environment,
        commit=commit,
        program=program_digest(wanted.environment),
        engine=stack.version,
    )
    refusals = refuse_omissions(
        previewed.content, find_stack_environment(wanted.environment).settings_file, stack=wanted.environment
    )
    if run_page_url():
        refusals += refuse_operator_changes(previewed.content, stack=wanted.environment)
    refusals += [finding.finding_text for finding in mandatory_findings(read_policy_findings(previewed.content))]
    return review, [*read_preview_errors(previewed.content), *refusals], previewed


def _deployed_commit(wanted: WantedDeployment) -> str:
    if wanted.commit is None:
        return os.environ.get("GITHUB_SHA") or head_commit()
    if not wanted.commit:
        raise UserError("--commit is empty.", repair="give the deployed commit, or omit the option")
    return wanted.commit


def _refusal_result(now: Review, reviewed: Review | None, digest: str) -> CommandResult:
    if reviewed is not None:
        differences = review_differences(reviewed, now)
    else:
        differences = [f"{change.operation} {change.display_name} would be done now" for change in now.changes]
        differences.append("the reviewed changes are unknown: give the preview's file with --review")
    lines = "\n".join(f"- {difference}" for difference in differences)
    return CommandResult(
        text=f"Nothing was changed: the current preview has the digest {now.review_digest}, not {digest}.\n{lines}\n"
        "Repair: review a new preview (`cfs deploy preview`), and apply its digest.",
        job_summary=f"### {now.environment}: not applied\n\nThe preview differs from the reviewed one:\n\n{lines}\n",
        job_outputs={"changes": "0"},
        figures={"digest": now.review_digest, "reviewed": digest, "applied": False, "differences": differences},
        exit_code=DIFFERS_EXIT_CODE,
    )


def _write_review(file: Path, review: Review) -> None:
    try:
        file.write_bytes(review.to_bytes())
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error}.", repair="give another file with --review") from error


def _read_review(file: Path, digest: str) -> Review:
    try:
        review = Review.parse_document(file.read_bytes(), key=str(file))
    except OSError as error:
        raise UserError(
            f"{file} cannot be read: {error}.", repair="give the file that `cfs deploy preview` wrote, or none"
        ) from error
    if review.review_digest != digest:
        raise UserError(
            f"{file} has the digest {review.review_digest}, not {digest}.",
            repair="give --digest and --review of the same preview",
        )
    return review
