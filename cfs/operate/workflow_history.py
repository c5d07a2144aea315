"""The latest workflow runs on the default branch: their outcome, duration, and tests that fail now and then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding
from cfs.doctor.github_client import GitHubClient, GitHubForbidden, GitHubNotFound
from cfs.doctor.github_target import read_github_target
from infra.config.repository import DEFAULT_BRANCH
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cfs.doctor.findings import Finding
    from cfs.environments import StackEnvironment

LONGEST_RUNS: Mapping[str, timedelta] = {
    "ci-build.yml": timedelta(minutes=40),
    "tests-all.yml": timedelta(minutes=60),
    "integration-tests.yml": timedelta(minutes=45),
}
"""Duration above which ClaudeFS's documents ask for an alert, by workflow file."""


@dataclass(frozen=True, kw_only=True)
class WorkflowRun:
    """A workflow run: https://docs.github.com/en/rest/actions/workflow-runs.

    Attributes:
        id: Its ID.
        file: Name of the workflow's file.
        outcome: GitHub's conclusion, or its status while it is in progress.
        attempt: Number of the attempt; more than 1 if somebody has run it again.
        began: When this attempt began.
        duration: How long it took, or has taken until now.
        page: Its page.
    """

    id: int
    file: str
    outcome: str
    attempt: int
    began: datetime
    duration: timedelta
    page: str

    @property
    def was_flaky(self) -> bool:
        """Whether the same commit failed before and succeeded now; the workflows never retry a test by themselves."""
        return self.attempt > 1 and self.outcome == "success"


def examine_workflow_history(environment: StackEnvironment) -> Iterator[Finding]:
    """Read the latest runs on the default branch, and judge them."""
    target = read_github_target(
        environment.name, settings=environment.settings_file, environment=environment.credential_variables()
    )
    repository = target.settings.full_repository
    with GitHubClient(token=target.token, base_url=target.base_url) as client:
        try:
            answer = client.get_json(f"repos/{repository}/actions/runs", branch=DEFAULT_BRANCH, per_page="100")
        except (GitHubNotFound, GitHubForbidden) as error:
            raise UserError(
                f"GitHub does not show the workflow runs of {repository}.",
                repair=f"cfs doctor github --environment {environment.name}",
            ) from error
    runs = [parse_run(each) for each in answer.body["workflow_runs"]]
    yield from judge_history(runs, repository=repository)


def parse_run(answer: Mapping[str, Any]) -> WorkflowRun:
    """Return a run as GitHub describes it."""
    began = datetime.fromisoformat(answer["run_started_at"])
    return WorkflowRun(
        id=answer["id"],
        file=PurePosixPath(answer["path"]).name,
        outcome=answer["conclusion"] or answer["status"],
        attempt=answer["run_attempt"],
        began=began,
        duration=datetime.fromisoformat(answer["updated_at"]) - began,
        page=answer["html_url"],
    )


def judge_history(runs: Sequence[WorkflowRun], *, repository: str) -> Iterator[Finding]:
    """Judge the latest run of each workflow, and the runs that succeeded only when they were repeated.

    Args:
        runs: Runs of one branch, newest first.
        repository: OWNER/NAME of the repository.
    """
    latest: dict[str, WorkflowRun] = {}
    for run in runs:
        latest.setdefault(run.file, run)
    for run in latest.values():
        yield _judge_latest(run, repository=repository)
    for run in runs:
        if run.was_flaky:
            yield doubtful_finding(
                f"flaky {run.file}",
                f"It failed and then succeeded on the same commit, in attempt {run.attempt}.",
                repair=f"gh run view {run.id} --repo {repository} --attempt {run.attempt - 1} --log-failed",
            )
    if not latest:
        yield doubtful_finding(
            "workflows", "No workflow has run yet.", repair=f"gh workflow run ci-build.yml --repo {repository}"
        )


def _judge_latest(run: WorkflowRun, *, repository: str) -> Finding:
    said = f"{run.outcome} after {run.duration.total_seconds() / 60:.0f} min, began {run.began:%Y-%m-%d %H:%M} UTC."
    if run.outcome in ("failure", "timed_out", "startup_failure"):
        return wrong_finding(run.file, said, repair=f"gh run view {run.id} --repo {repository} --log-failed")
    longest = LONGEST_RUNS.get(run.file, run.duration)
    if run.duration > longest:
        return doubtful_finding(
            run.file,
            f"{said} It should take less than {longest.total_seconds() / 60:.0f} min.",
            repair=f"gh run view {run.id} --repo {repository}",
        )
    return good_finding(run.file, said)
