"""Workflow runs on GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cfs.doctor.github_client import GitHubClient, GitHubForbidden, GitHubNotFound
from terminal.errors import UserError

if TYPE_CHECKING:
    from cfs.doctor.github_target import GitHubTarget


def is_completed(target: GitHubTarget, page: str) -> bool:
    """Return whether the workflow run with a page has ended.

    https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run
    """
    client = GitHubClient(token=target.token, base_url=target.base_url)
    try:
        return bool(client.get_json(f"repos{urlsplit(page).path}").body["status"] == "completed")
    except (GitHubNotFound, GitHubForbidden) as error:
        raise UserError(
            f"GitHub does not show the run {page}, which has locked the stack.",
            repair="check whether it has ended; if so, run `pulumi cancel` and the same command again",
        ) from error
