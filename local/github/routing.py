"""The table of routes and their functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.github.responses import ApiAnswer

API_PREFIX: Final = "/api/v3"
"""The API's path prefix on GitHub Enterprise Server; clients use it for any host except GitHub's own."""

REPOSITORY_PATH: Final = "/repos/<owner>/<repository>"
"""The beginning of the repository's paths."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method and path, with the function that serves it."""

    method: str
    rule: str
    view: Callable[..., ApiAnswer]

    @property
    def route_name(self) -> str:
        """The method and path as text."""
        return f"{self.method} {self.rule}"


ViewT = TypeVar("ViewT", bound="Callable[..., ApiAnswer]")


class RouteTable:
    """The routes of one module."""

    def __init__(self) -> None:
        """Create an empty table."""
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        """Iterate over the routes."""
        return iter(self._routes)

    def serve_path(self, method: str, *rules: str) -> Callable[[ViewT], ViewT]:
        """Register the decorated function, which takes an `ApiCall` and the variable parts by name.

        Args:
            method: The HTTP method.
            rules: The paths, with variable parts in angle brackets.
        """

        def register_view(view: ViewT) -> ViewT:
            self._routes.extend(Route(method=method, rule=rule, view=view) for rule in rules)
            return view

        return register_view
