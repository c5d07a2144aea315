"""All routes, gathered from the modules that serve them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from local.github import (
    accounts,
    branches,
    commits,
    contents,
    environments,
    permissions,
    protection,
    pulls,
    refs,
    repositories,
    rulesets,
    secrets,
    service,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.github.routing import Route

ALL_ROUTES: Final[tuple[Route, ...]] = tuple(
    chain(
        accounts.account_routes,
        service.service_routes,
        repositories.repository_routes,
        commits.commit_routes,
        contents.content_routes,
        refs.ref_routes,
        branches.branch_routes,
        protection.protection_routes,
        variables.variable_routes,
        secrets.secret_routes,
        environments.environment_routes,
        permissions.actions_permission_routes,
        pulls.pull_request_routes,
        rulesets.ruleset_routes,
    ),
)
ROUTES_BY_NAME: Final[Mapping[str, Route]] = {route.name: route for route in ALL_ROUTES}
"""The same routes by their names."""
