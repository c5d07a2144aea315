"""The table of routes: what is served, by which function, and which model of GitHub's the answer fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from local.github.responses import DOCS_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.github.responses import ApiAnswer

NO_BODY: Final = "no body"
"""The mark of a route whose success has no body, in place of a model."""

API_PREFIX: Final = "/api/v3"
"""Where an Enterprise Server has its API; clients of any host but GitHub's own look there."""

REPOSITORY_PATH: Final = "/repos/<owner>/<repository>"
"""How the paths of the repository's routes begin."""

REPOSITORY_PATH_BY_ID: Final = "/repositories/<int:repository_id>"
"""How the paths of environment secrets begin, beside `REPOSITORY_PATH`."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method on one path."""

    method: str
    rule: str
    model: str
    docs: str
    view: Callable[..., ApiAnswer]

    @property
    def name(self) -> str:
        """Return the route as a person writes it."""
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

    def serve_path(self, method: str, *rules: str, model: str, docs: str) -> Callable[[ViewT], ViewT]:
        """Serve paths by the decorated function, which takes a `Call` and the variable parts by name.

        Args:
            method: The method.
            rules: The paths, with their variable parts in angle brackets.
            model: The model that the answer's body fits: a name, `list[name]`, several joined by ` | `, or
                `NO_BODY`.
            docs: Where the operation is documented, below `DOCS`.
        """

        def register_view(view: ViewT) -> ViewT:
            for rule in rules:
                added = Route(method=method, rule=rule, model=model, docs=f"{DOCS_URL}/{docs}", view=view)
                self._routes.append(added)
            return view

        return register_view
