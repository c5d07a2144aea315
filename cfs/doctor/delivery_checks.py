"""Judges whether a delivery of workflow files can reach the default branch, and which edits it would overwrite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor import workflows
from cfs.doctor.branch_rules import REFUSING_RULES, judge_branch
from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding
from infra.github.delivery import DELIVERY_BRANCH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cfs.doctor.branch_rules import BranchJudgement
    from cfs.doctor.findings import Finding
    from cfs.doctor.github_client import GitHubClient
    from infra.config.settings import Settings

CHECK = "delivery"


def judge_delivery(
    client: GitHubClient, repository: dict[str, Any], settings: Settings, delivered: Collection[str] | None
) -> Iterator[Finding]:
    """Judge the delivery of workflow files.

    Args:
        client: GitHub client.
        repository: GitHub's JSON of the repository.
        settings: The stack's settings.
        delivered: Paths of files that the stack has delivered; None means all.
    """
    name, branch = repository["full_name"], repository["default_branch"]
    judged = judge_branch(client, name, branch)
    if settings.workflow_delivery == "commit":
        yield _judge_commits(client, name, branch, judged)
    else:
        yield from _judge_pull_requests(client, repository, judged)
    yield _judge_edits(client, name, branch, settings, delivered)


def _judge_commits(client: GitHubClient, repository: str, branch: str, judged: BranchJudgement) -> Finding:
    if judged.refusals:
        by_request = not _request_refusals(client, repository, branch, judged)
        return wrong_finding(
            CHECK,
            f"GitHub would refuse commits to {branch}: it {', and it '.join(judged.refusals)}.",
            repair="pulumi config set workflowDelivery pull-request" if by_request else _bypass_repair(repository),
        )
    if judged.doubts:
        return _doubtful_rules(repository, branch, judged)
    return good_finding(CHECK, f"{branch} accepts direct commits.")


def _judge_pull_requests(
    client: GitHubClient, repository: dict[str, Any], judged: BranchJudgement
) -> Iterator[Finding]:
    name, branch = repository["full_name"], repository["default_branch"]
    if refusals := _request_refusals(client, name, branch, judged):
        yield wrong_finding(
            CHECK,
            f"GitHub would refuse the pull request of a delivery: {'; '.join(refusals)}.",
            repair=_bypass_repair(name),
        )
    if REFUSING_RULES["required_signatures"] in judged.refusals:
        yield doubtful_finding(
            CHECK,
            f"{branch} requires signed commits: only its author can merge the pull request, by squashing.",
            repair="let the token's owner squash and merge it",
        )
    if not repository.get("delete_branch_on_merge"):
        yield doubtful_finding(
            CHECK,
            "Branches remain after their pull request is merged, and the next delivery would start from the old one.",
            repair="tick Automatically delete head branches in the repository's settings",
        )


def _request_refusals(client: GitHubClient, repository: str, branch: str, judged: BranchJudgement) -> list[str]:
    """Return why a pull request could not be opened or merged."""
    proposed = judge_branch(client, repository, DELIVERY_BRANCH, created=True)
    return [
        *(f"{DELIVERY_BRANCH} {refusal}" for refusal in proposed.refusals),
        *(f"{branch} {refusal}" for refusal in judged.unmergeable),
    ]


def _bypass_repair(repository: str) -> str:
    return f"let the token's owner bypass these rules: https://github.com/{repository}/settings/rules"


def _doubtful_rules(repository: str, branch: str, judged: BranchJudgement) -> Finding:
    return doubtful_finding(
        CHECK,
        f"{branch} {', and it '.join(judged.doubts)}.",
        repair=f"compare it with a commit of the token's owner: https://github.com/{repository}/settings/rules",
    )


def _judge_edits(
    client: GitHubClient, repository: str, branch: str, settings: Settings, delivered: Collection[str] | None
) -> Finding:
    changed = workflows.edited_workflow_files(client, repository, branch, known=delivered)
    if not changed:
        return good_finding("workflow files", "No delivered file was edited.")
    if settings.overwrite_edited_workflows or settings.workflow_delivery == "pull-request":
        return doubtful_finding(
            "workflow files",
            f"{', '.join(changed)} was edited; the next deployment restores this project's version.",
            repair="copy what you need into infra/workflows",
        )
    return wrong_finding(
        "workflow files",
        f"{', '.join(changed)} was edited in the repository, and a deployment would overwrite that.",
        repair="copy what you need into infra/workflows, then `pulumi config set overwriteEditedWorkflows "
        "true` for this deployment",
    )
