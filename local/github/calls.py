"""What a route is given: the request's values, checked, with the state that it reads and changes."""

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
        """Read a field that must be there.

        Raises:
            ApiError: It is missing or has another type.
        """
        value = self.optional_value(name, kind)
        if value is None:
            raise invalid_request_error(f'"{name}" wasn\'t supplied.')
        return value

    def optional_value(self, name: str, kind: type[ValueT]) -> ValueT | None:
        """Read a field that may be absent or null.

        Raises:
            ApiError: It has another type.
        """
        value = self.values.get(name)
        if value is None:
            return None
        # In Python a boolean is an integer; in JSON it is not.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise invalid_request_error(f"For '{name}', the value is not {_TYPE_NAMES[kind]}.")
        return value


@dataclass(frozen=True, kw_only=True)
class ApiCall:
    """One request."""

    state: ServiceState
    token: Token
    fields: BodyFields
    query: Mapping[str, str]
    root: str
    """The address that the client used for the API, without a slash at its end."""
    path: str

    @property
    def repository(self) -> RepositoryRecord:
        """Return the one repository."""
        return self.state.repository

    @property
    def web_root(self) -> str:
        """Return the address below which the pages for people would be."""
        return self.root.removesuffix(API_PREFIX)

    @property
    def full_name(self) -> str:
        """Return the repository's name with its owner's."""
        return f"{self.state.owner.login}/{self.repository.name}"

    def api_url(self, path: str = "") -> str:
        """Return the address of something in the repository's API."""
        return f"{self.root}/repos/{self.full_name}{path}"

    def web_url(self, path: str = "") -> str:
        """Return the address of a page about the repository; nothing serves it."""
        return f"{self.web_root}/{self.full_name}{path}"

    def select_page(self, items: Sequence[ValueT], *, size: int = 30, limit: int = 100) -> list[ValueT]:
        """Cut out the page that the query asks for.

        Args:
            items: The whole list.
            size: How many items a page has where the query does not say.
            limit: How many it has at most.
        """
        per_page = min(self._positive_number("per_page", size), limit)
        start = (self._positive_number("page", 1) - 1) * per_page
        return list(items[start : start + per_page])

    def _positive_number(self, name: str, default: int) -> int:
        """Read a positive number from the query; GitHub takes the default for any other text."""
        text = self.query.get(name, "")
        return int(text) if text.isdecimal() and int(text) > 0 else default
