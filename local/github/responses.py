"""Answers and refusals in GitHub's shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from local.github.records import Json

DOCS_URL = "https://docs.github.com/rest"

ResponseBody: TypeAlias = Json | list[Json] | list[str] | None


@dataclass(frozen=True)
class ApiAnswer:
    """What a route answers."""

    body: ResponseBody
    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


def created_answer(body: ResponseBody) -> ApiAnswer:
    """Answer that something new exists."""
    return ApiAnswer(body, HTTPStatus.CREATED)


def no_content() -> ApiAnswer:
    """Answer that it is done."""
    return ApiAnswer(None, HTTPStatus.NO_CONTENT)


class ApiError(Exception):
    """A refusal; GitHub's clients read its message, some compare it word for word."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        errors: list[Json] | None = None,
        docs: str = DOCS_URL,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Describe the refusal.

        Args:
            status: The answer's status.
            message: The answer's message.
            errors: What is wrong with which field, where GitHub says so.
            docs: The page to read; clients tell the rate limits apart by it.
            headers: Headers that only this answer has.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.docs = docs
        self.headers = headers or {}

    def to_answer(self) -> ApiAnswer:
        """Put the refusal into GitHub's shape."""
        body: Json = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        body["documentation_url"] = self.docs
        body["status"] = str(self.status.value)
        return ApiAnswer(body, self.status, self.headers)


def not_found_error() -> ApiError:
    """Refuse as GitHub does for all that is missing or hidden."""
    return ApiError(HTTPStatus.NOT_FOUND, "Not Found")


def invalid_request_error(message: str) -> ApiError:
    """Refuse a request whose body has the wrong shape."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"Invalid request.\n\n{message}")


def failed_validation_error(resource: str, code: str, **details: str) -> ApiError:
    """Refuse a request whose values contradict what is stored."""
    error = {"resource": resource, "code": code, **details}
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=[error])
