"""Responses and errors in GitHub's format."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from local.github.records import Json

DOCS_URL = "https://docs.github.com/rest"

ResponseBody: TypeAlias = Json | list[Json] | list[str] | None


@dataclass(frozen=True)
class ApiAnswer:
    """A route's response."""

    body: ResponseBody
    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


def created_answer(body: ResponseBody) -> ApiAnswer:
    """Return a response with status 201."""
    return ApiAnswer(body, HTTPStatus.CREATED)


def no_content() -> ApiAnswer:
    """Return a response with status 204."""
    return ApiAnswer(None, HTTPStatus.NO_CONTENT)


class ApiError(Exception):
    """An error response. Clients read its message, and some compare it verbatim."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        errors: list[Json] | None = None,
        docs: str = DOCS_URL,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Create the error.

        Args:
            status: The response's status.
            message: The response's message.
            errors: Errors of single fields, if GitHub reports them.
            docs: URL of the documentation, by which clients distinguish the rate limits.
            headers: Additional headers.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.docs = docs
        self.headers = headers or {}

    def to_answer(self) -> ApiAnswer:
        """Return the response in GitHub's format."""
        body: Json = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        body["documentation_url"] = self.docs
        body["status"] = str(self.status.value)
        return ApiAnswer(body, self.status, self.headers)


def not_found_error() -> ApiError:
    """Return GitHub's error for a missing or hidden resource."""
    return ApiError(HTTPStatus.NOT_FOUND, "Not Found")


def invalid_request_error(message: str) -> ApiError:
    """Return GitHub's error for a body with the wrong structure."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"Invalid request.\n\n{message}")


def failed_validation_error(resource: str, code: str, **details: str) -> ApiError:
    """Return GitHub's error for values that fail validation."""
    error = {"resource": resource, "code": code, **details}
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=[error])
