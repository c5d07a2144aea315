"""Comments and issues that a job creates once per purpose and then updates."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from githubkit import GitHub
from githubkit.exception import GitHubException, RequestFailed

from cfs.ci.preview_comment import purpose_marker
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ANSWER_TIMEOUT_SECONDS = 30.0
"""Time-out of a request to GitHub; the client retries server errors and rate limits."""

_PAGE_SIZE = 100


@dataclass(frozen=True, kw_only=True)
class JobRepository:
    """The repository of a job, with the job's token."""

    github: GitHub[Any]
    owner: str
    name: str

    def require_environments(self, names: Sequence[str]) -> None:
        """Raise an error if the repository lacks an environment.

        https://docs.github.com/en/rest/deployments/environments#get-an-environment
        """
        missing = [name for name in names if not self._has_environment(name)]
        if missing:
            raise UserError(
                f"{self.owner}/{self.name} has no environment {' and '.join(missing)}.",
                repair="deploy its stack by hand first (pulumi up), which creates its protected environments",
            )

    def _has_environment(self, name: str) -> bool:
        with _explain_github_errors("show the environment", "actions: read"):
            try:
                self.github.rest.repos.get_environment(self.owner, self.name, name)
            except RequestFailed as error:
                if error.response.status_code != HTTPStatus.NOT_FOUND:
                    raise
                return False
        return True

    def write_comment(self, pull_request: int, body: str, *, purpose: str) -> None:
        """Create or update the comment of this purpose."""
        issues = self.github.rest.issues
        with _explain_github_errors("write the comment", "pull-requests: write"):
            pages = self.github.rest.paginate(
                issues.list_comments,
                map_func=_response_items,
                owner=self.owner,
                repo=self.name,
                issue_number=pull_request,
                per_page=_PAGE_SIZE,
            )
            found = next((each["id"] for each in pages if _is_for_purpose(each, purpose)), None)
            if found is None:
                issues.create_comment(self.owner, self.name, pull_request, body=body)
            else:
                issues.update_comment(self.owner, self.name, found, body=body)

    def write_issue(self, title: str, body: str, *, purpose: str) -> None:
        """Create or update the open issue of this purpose."""
        issues = self.github.rest.issues
        with _explain_github_errors("write the issue", "issues: write"):
            found = self._find_open_issue(purpose)
            if found is None:
                issues.create(self.owner, self.name, title=title, body=body)
            else:
                issues.update(self.owner, self.name, found, title=title, body=body)

    def close_issue(self, *, purpose: str) -> None:
        """Close the issue of this purpose, if one is open."""
        with _explain_github_errors("close the issue", "issues: write"):
            found = self._find_open_issue(purpose)
            if found is not None:
                self.github.rest.issues.update(self.owner, self.name, found, state="closed", state_reason="completed")

    def _find_open_issue(self, purpose: str) -> int | None:
        pages = self.github.rest.paginate(
            self.github.rest.issues.list_for_repo,
            map_func=_response_items,
            owner=self.owner,
            repo=self.name,
            state="open",
            per_page=_PAGE_SIZE,
        )
        return next((each["number"] for each in pages if _is_for_purpose(each, purpose)), None)


def job_repository() -> JobRepository:
    """Return the repository of the current job."""
    missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not os.environ.get(name)]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} must be set.",
            repair="In a workflow: env: GITHUB_TOKEN: ${{ github.token }}; elsewhere set both, OWNER/NAME and a token.",
        )
    owner, _, name = os.environ["GITHUB_REPOSITORY"].partition("/")
    url = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    github = GitHub(os.environ["GITHUB_TOKEN"], base_url=url, timeout=ANSWER_TIMEOUT_SECONDS, http_cache=False)
    return JobRepository(github=github, owner=owner, name=name)


def _response_items(response: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = response.json()
    return items


def _is_for_purpose(item: dict[str, Any], purpose: str) -> bool:
    """Return whether a comment or issue begins with the marker; a quoted marker comes later in the text."""
    return str(item.get("body") or "").startswith(purpose_marker(purpose))


@contextmanager
def _explain_github_errors(action: str, permission: str) -> Iterator[None]:
    try:
        yield
    except GitHubException as error:
        raise UserError(
            f"GitHub did not {action}: {error}.", repair=f"Check that the job has the permission `{permission}`."
        ) from error
