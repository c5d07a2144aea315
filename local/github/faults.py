"""Faults that can be switched on, to see what a client makes of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from local.github.records import Fault, FaultName, Json, ServiceState
from local.github.responses import DOCS_URL, ApiError, not_found_error

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS_DOCS = f"{DOCS_URL}/using-the-rest-api/rate-limits-for-the-rest-api"
_SERVER_ERRORS = {
    HTTPStatus.BAD_GATEWAY: "Server Error",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Server Error",
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "No server is currently available to service your request. Sorry about that. "
        "Please try resubmitting your request and contact us if the problem persists."
    ),
    HTTPStatus.GATEWAY_TIMEOUT: (
        "We couldn't respond to your request in time. Sorry about that. "
        "Please try resubmitting your request and contact us if the problem persists."
    ),
}


HOURLY_LIMIT = 5000


class FaultError(Exception):
    """A fault cannot be switched on as asked; the message says what is possible."""


@dataclass(frozen=True, kw_only=True)
class FaultSpec:
    """What a fault does, and what can be set of it beside `requests` and `path`."""

    description: str
    seconds: float | None = None
    statuses: tuple[int, ...] = ()
    """The statuses that can be chosen; the first is the default."""
    has_branch: bool = False


FAULT_SPECS: Final[Mapping[FaultName, FaultSpec]] = {
    FaultName.BAD_CREDENTIALS: FaultSpec(description="401, as for a token that was revoked or has expired"),
    FaultName.MISSING_OWNER: FaultSpec(description="404 for the owner and all that belongs to them"),
    FaultName.MISSING_REPOSITORY: FaultSpec(description="404 for the repository and all that is in it"),
    FaultName.MISSING_WORKFLOW_SCOPE: FaultSpec(
        description="changes below .github/workflows/ get 404 with a classic token, 403 with a fine-grained one",
    ),
    FaultName.PRIMARY_RATE_LIMIT: FaultSpec(
        description="the hourly limit is used up and resets in `seconds`",
        seconds=60,
        statuses=(HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS),
    ),
    FaultName.PROTECTED_BRANCH: FaultSpec(
        description="409 for changes of files on `branch`, by default the default branch",
        has_branch=True,
    ),
    FaultName.RATE_LIMIT_REACHED: FaultSpec(
        description="answers succeed, but say that they were the last of the hourly limit, which resets in `seconds`",
        seconds=60,
    ),
    FaultName.SECONDARY_RATE_LIMIT: FaultSpec(
        description="too much at once, with a Retry-After of `seconds`",
        seconds=60,
        statuses=(HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS),
    ),
    FaultName.SERVER_ERROR: FaultSpec(
        description="GitHub itself fails with `status`",
        statuses=(
            HTTPStatus.BAD_GATEWAY,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            HTTPStatus.SERVICE_UNAVAILABLE,
            HTTPStatus.GATEWAY_TIMEOUT,
        ),
    ),
    FaultName.SLOW: FaultSpec(description="every answer comes `seconds` late", seconds=5),
}

_RATE_LIMIT_FAULTS = {FaultName.PRIMARY_RATE_LIMIT, FaultName.RATE_LIMIT_REACHED, FaultName.SECONDARY_RATE_LIMIT}
"""The faults that end at a time of their own."""


def _number_option(options: Json, option: str, minimum: float) -> float | None:
    value = options.get(option)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < minimum:
        raise FaultError(f"`{option}` must be a number, {minimum} or more, not {value!r}.")
    return value


def _text_option(options: Json, option: str) -> str | None:
    value = options.get(option)
    if value is not None and not isinstance(value, str):
        raise FaultError(f"`{option}` must be a text, not {value!r}.")
    return value


def _allowed_options(kind: FaultSpec) -> set[str]:
    allowed = {"requests", "path"}
    if kind.seconds is not None:
        allowed.add("seconds")
    if kind.statuses:
        allowed.add("status")
    return allowed | {"branch"} if kind.has_branch else allowed


def find_fault(name: str) -> FaultName:
    """Find a fault by its name.

    Raises:
        FaultError: There is no such fault.
    """
    try:
        return FaultName(name)
    except ValueError as error:
        raise FaultError(f"There is no fault {name!r}; there are: {', '.join(FaultName)}.") from error


def parse_fault(name: str, options: Json) -> Fault:
    """Make a fault of what a person asked for.

    Raises:
        FaultError: There is no such fault, or it cannot be set like this.
    """
    fault_name = find_fault(name)
    kind = FAULT_SPECS[fault_name]
    allowed = _allowed_options(kind)
    if unknown := sorted(options.keys() - allowed):
        raise FaultError(f"{name} has no option {', '.join(unknown)}; it has: {', '.join(sorted(allowed))}.")
    requests = _number_option(options, "requests", 1)
    if requests is not None and requests != int(requests):
        raise FaultError(f"`requests` must be a whole number, not {requests}.")
    seconds = _number_option(options, "seconds", 0)
    status = options.get("status", kind.statuses[0] if kind.statuses else None)
    if status is not None and status not in kind.statuses:
        raise FaultError(
            f"`status` must be one of {', '.join(str(int(one)) for one in kind.statuses)}, not {status!r}."
        )
    seconds = kind.seconds if seconds is None else seconds
    return Fault(
        name=fault_name,
        requests=None if requests is None else int(requests),
        path=_text_option(options, "path"),
        status=None if status is None else int(status),
        seconds=seconds,
        until=math.ceil(time.time() + (seconds or 0)) if fault_name in _RATE_LIMIT_FAULTS else None,
        branch=_text_option(options, "branch"),
    )


def drop_expired(state: ServiceState) -> None:
    """Switch off the rate limits whose time is over."""
    for fault in list(state.faults.values()):
        if fault.until is not None and fault.until <= time.time():
            del state.faults[fault.name]


def take_fault(state: ServiceState, name: FaultName, path: str) -> Fault | None:
    """Return whether a fault hits a request, and count the hit.

    Returns:
        The fault where it hits.
    """
    fault = state.faults.get(name)
    if fault is None or (fault.path is not None and fault.path not in path):
        return None
    if fault.requests is not None:
        if fault.requests > 1:
            state.faults[name] = replace(fault, requests=fault.requests - 1)
        else:
            del state.faults[name]
    return fault


def fault_delay_seconds(state: ServiceState, path: str) -> float:
    """Return the seconds by which the answer is late."""
    fault = take_fault(state, FaultName.SLOW, path)
    return 0.0 if fault is None else fault.seconds or 0.0


def raise_refusals(state: ServiceState, path: str, request_id: str) -> None:
    """Refuse a request that a fault hits, before its route is looked for.

    Raises:
        ApiError: A fault hits.
    """
    if fault := take_fault(state, FaultName.SERVER_ERROR, path):
        status = HTTPStatus(fault.status or HTTPStatus.BAD_GATEWAY)
        raise ApiError(status, _SERVER_ERRORS[status])
    if take_fault(state, FaultName.BAD_CREDENTIALS, path):
        raise ApiError(HTTPStatus.UNAUTHORIZED, "Bad credentials", docs=DOCS_URL)
    if fault := take_fault(state, FaultName.PRIMARY_RATE_LIMIT, path):
        raise _primary_limit(state, fault, request_id)
    if fault := take_fault(state, FaultName.SECONDARY_RATE_LIMIT, path):
        raise _secondary_limit(fault, request_id)
    owner = state.owner.login.lower()
    repository = f"/repos/{owner}/{state.repository.name.lower()}"
    if _is_below(path, f"/users/{owner}", f"/orgs/{owner}", f"/repos/{owner}", "/repositories"):
        if take_fault(state, FaultName.MISSING_OWNER, path):
            raise not_found_error()
        if _is_below(path, repository, "/repositories") and take_fault(state, FaultName.MISSING_REPOSITORY, path):
            raise not_found_error()


def _is_below(path: str, *roots: str) -> bool:
    lowered = path.lower()
    return any(lowered == root or lowered.startswith(f"{root}/") for root in roots)


def _support_note(request_id: str) -> str:
    return f"If you reach out to GitHub Support for help, please include the request ID {request_id}."


def _primary_limit(state: ServiceState, fault: Fault, request_id: str) -> ApiError:
    return ApiError(
        HTTPStatus(fault.status or HTTPStatus.FORBIDDEN),
        f"API rate limit exceeded for user ID {state.owner.id}. {_support_note(request_id)}",
        docs=_LIMITS_DOCS,
        headers=exhausted_rate_headers(fault),
    )


def exhausted_rate_headers(fault: Fault) -> dict[str, str]:
    """Return the headers that say that nothing is left of the hourly limit until the fault ends."""
    return {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Used": str(HOURLY_LIMIT),
        "X-RateLimit-Reset": str(fault.until),
    }


def _secondary_limit(fault: Fault, request_id: str) -> ApiError:
    wait = max(1, math.ceil((fault.until or 0) - time.time()))
    return ApiError(
        HTTPStatus(fault.status or HTTPStatus.FORBIDDEN),
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
        + _support_note(request_id),
        docs=f"{_LIMITS_DOCS}#about-secondary-rate-limits",
        headers={"Retry-After": str(wait)},
    )
