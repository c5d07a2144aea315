"""Faults that can be switched on, to test how a client handles them."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from local.github.records import Fault, FaultName
from local.github.responses import DOCS_URL, ApiError, not_found_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.github.records import Json, ServiceState

HOURLY_LIMIT = 5000
FAULT_CODEC: Final = TypeAdapter(Fault)

_LIMITS_DOCS = f"{DOCS_URL}/using-the-rest-api/rate-limits-for-the-rest-api"
_RATE_LIMIT_FAULTS = {FaultName.PRIMARY_RATE_LIMIT, FaultName.RATE_LIMIT_REACHED, FaultName.SECONDARY_RATE_LIMIT}
"""The faults that end at a set time."""


def parse_fault(name: str, options: Mapping[str, object]) -> Fault:
    """Create a fault from the options of a request.

    Raises:
        pydantic.ValidationError: The fault or an option is unknown, or an option has an invalid value.
    """
    fault = FAULT_CODEC.validate_python({**options, "name": name})
    if fault.name not in _RATE_LIMIT_FAULTS:
        return fault
    return replace(fault, until=math.ceil(time.time() + fault.seconds))


def fault_json(fault: Fault) -> Json:
    """Return a fault with its options."""
    shown: Json = FAULT_CODEC.dump_python(fault, mode="json", exclude_none=True)
    return shown


def drop_expired(state: ServiceState) -> None:
    """Remove rate limits that have expired."""
    for fault in list(state.faults.values()):
        if fault.until is not None and fault.until <= time.time():
            del state.faults[fault.name]


def take_fault(state: ServiceState, name: FaultName, path: str) -> Fault | None:
    """Return the fault if it affects a request, and count the request."""
    fault = state.faults.get(name)
    if fault is None or fault.path not in path:
        return None
    if fault.requests is not None:
        if fault.requests > 1:
            state.faults[name] = replace(fault, requests=fault.requests - 1)
        else:
            del state.faults[name]
    return fault


def fault_delay_seconds(state: ServiceState, path: str) -> float:
    """Return the delay of the response, in seconds."""
    fault = take_fault(state, FaultName.SLOW, path)
    return 0.0 if fault is None else fault.seconds


def raise_refusals(state: ServiceState, path: str, request_id: str) -> None:
    """Refuse a request that a fault affects, before routing.

    Raises:
        ApiError: A fault affects the request.
    """
    if fault := take_fault(state, FaultName.SERVER_ERROR, path):
        raise ApiError(HTTPStatus(fault.status or HTTPStatus.BAD_GATEWAY), "Server Error")
    if take_fault(state, FaultName.BAD_CREDENTIALS, path):
        raise ApiError(HTTPStatus.UNAUTHORIZED, "Bad credentials")
    if fault := take_fault(state, FaultName.PRIMARY_RATE_LIMIT, path):
        raise _primary_limit(state, fault, request_id)
    if fault := take_fault(state, FaultName.SECONDARY_RATE_LIMIT, path):
        raise _secondary_limit(fault, request_id)
    owner = state.owner.login.lower()
    repository = f"/repos/{owner}/{state.repository.name.lower()}"
    if _is_below(path, f"/users/{owner}", f"/repos/{owner}", "/repositories"):
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
        headers=rate_limit_headers(fault),
    )


def rate_limit_headers(reached: Fault | None = None) -> dict[str, str]:
    """Return the headers of the hourly limit: one request is used, or all of them until a fault ends."""
    used = 1 if reached is None else HOURLY_LIMIT
    until = math.ceil(time.time()) + 3600 if reached is None else reached.until
    return {
        "X-RateLimit-Limit": str(HOURLY_LIMIT),
        "X-RateLimit-Remaining": str(HOURLY_LIMIT - used),
        "X-RateLimit-Used": str(used),
        "X-RateLimit-Reset": str(until),
        "X-RateLimit-Resource": "core",
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
