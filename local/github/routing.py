"""The table of routes: what is served, and by which function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.github.responses import ApiAnswer

API_PREFIX: Final = "/api/v3"
"""Where an Enterprise Server has its API; clients of any host but GitHub's own look there."""

REPOSITORY_PATH: Final = "/repos/<owner>/<repository>"
"""How the paths of the repository's routes begin."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method on one path."""

    method: str
    rule: str
    view: Callable[..., ApiAnswer]

    @property
    def route_name(self) -> str:
        """The route as a person writes it."""
        return f"{self.method} {self.rule}"


ViewT = TypeVar("ViewT", bound="Callable[..., ApiAnswer]")


class RouteTable:
    """The routes of one module."""

    def __init__(self) -> None:
        """Begin without routes."""
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        """Go through the routes."""
        return iter(self._routes)

    def serve_path(self, method: str, *rules: str) -> Callable[[ViewT], ViewT]:
        """Serve paths by the decorated function, which takes an `ApiCall` and the variable parts by name.

        Args:
            method: The method.
            rules: The paths, with their variable parts in angle brackets.
        """

        def register_view(view: ViewT) -> ViewT:
            self._routes.extend(Route(method=method, rule=rule, view=view) for rule in rules)
            return view

        return register_view
