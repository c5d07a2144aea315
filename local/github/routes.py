"""All routes, collected from their modules."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from local.github import (
    accounts,
    actions_values,
    branches,
    commits,
    contents,
    environments,
    issue_comments,
    permissions,
    pulls,
    refs,
    repositories,
    workflow_runs,
)

if TYPE_CHECKING:
    from local.github.routing import Route

ALL_ROUTES: Final[tuple[Route, ...]] = tuple(
    chain(
        accounts.account_routes,
        actions_values.actions_value_routes,
        branches.branch_routes,
        commits.commit_routes,
        contents.content_routes,
        environments.environment_routes,
        issue_comments.issue_comment_routes,
        permissions.actions_permission_routes,
        pulls.pull_request_routes,
        refs.ref_routes,
        repositories.repository_routes,
        workflow_runs.workflow_run_routes,
    ),
)
