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

ROUTES: Final[tuple[Route, ...]] = tuple(
    chain(
        accounts.routes,
        service.routes,
        repositories.routes,
        commits.routes,
        contents.routes,
        refs.routes,
        branches.routes,
        protection.routes,
        variables.routes,
        secrets.routes,
        environments.routes,
        permissions.routes,
        pulls.routes,
        rulesets.routes,
    ),
)
BY_NAME: Final[Mapping[str, Route]] = {route.name: route for route in ROUTES}
"""The same routes by their names."""
