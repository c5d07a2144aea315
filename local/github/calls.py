"""A route's input: the validated values of a request, and the state to read and change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from local.github.responses import invalid_request_error
from local.github.routing import API_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.github.records import Json, RepositoryRecord, ServiceState
    from local.github.tokens import Token

ValueT = TypeVar("ValueT")

_TYPE_NAMES = {str: "a string", bool: "a boolean", int: "an integer", list: "an array", dict: "an object"}


@dataclass(frozen=True)
class BodyFields:
    """The fields of a request's JSON body."""

    values: Json

    def required_value(self, name: str, kind: type[ValueT]) -> ValueT:
        """Return a required field.

        Raises:
            ApiError: The field is missing or has another type.
        """
        value = self.optional_value(name, kind)
        if value is None:
            raise invalid_request_error(f'"{name}" wasn\'t supplied.')
        return value

    def optional_value(self, name: str, kind: type[ValueT]) -> ValueT | None:
        """Return an optional field; None if it is absent or null.

        Raises:
            ApiError: The field has another type.
        """
        value = self.values.get(name)
        if value is None:
            return None
        # A boolean is an integer in Python, but not in JSON.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise invalid_request_error(f"For '{name}', the value is not {_TYPE_NAMES[kind]}.")
        return value


@dataclass(frozen=True, kw_only=True)
class ApiCall:
    """A request."""

    state: ServiceState
    token: Token
    fields: BodyFields
    query: Mapping[str, str]
    root: str
    """The API's base URL that the client used, without a trailing slash."""
    path: str

    @property
    def repository(self) -> RepositoryRecord:
        """The only repository."""
        return self.state.repository

    @property
    def web_root(self) -> str:
        """The base URL of the web pages; nothing serves them."""
        return self.root.removesuffix(API_PREFIX)

    @property
    def full_name(self) -> str:
        """The repository's full name, `owner/name`."""
        return f"{self.state.owner.login}/{self.repository.name}"

    def api_url(self, path: str = "") -> str:
        """Return the URL of a path in the repository's API."""
        return f"{self.root}/repos/{self.full_name}{path}"

    def web_url(self, path: str = "") -> str:
        """Return the URL of one of the repository's web pages; nothing serves it."""
        return f"{self.web_root}/{self.full_name}{path}"

    def select_page(self, items: Sequence[ValueT], *, size: int = 30, limit: int = 100) -> list[ValueT]:
        """Return the page that the query requests.

        Args:
            items: The whole list.
            size: Default number of items on a page.
            limit: Maximum number of items on a page.
        """
        per_page = min(self._positive_number("per_page", size), limit)
        start = (self._positive_number("page", 1) - 1) * per_page
        return list(items[start : start + per_page])

    def _positive_number(self, name: str, default: int) -> int:
        """Read a positive number from the query; GitHub uses the default for any other text."""
        text = self.query.get(name, "")
        return int(text) if text.isdecimal() and int(text) > 0 else default
