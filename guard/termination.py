"""Termination of instances, confirmed: one that cannot be terminated does not shield the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from guard.calls import CallFailure, error_text
from guard.instances import PAGE_SIZE, environment_filters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.calls import AwsCalls
    from guard.environment import GuardSettings

TERMINATE = "ec2:TerminateInstances"

_BATCH = 1000
"""Instances per call: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html"""

_FRUITLESS_CALLS = 30
"""Refused calls in a row after which the rest is given up: then not single instances are refused, but all."""

_ROUNDS = 3
_ROUND_SECONDS = 5.0

_WHOLE_CALL_CODES = frozenset(
    {"InternalError", "InternalFailure", "RequestLimitExceeded", "ServiceUnavailable", "Throttling", "Unavailable"}
)
"""Errors that say nothing about the instances."""

_COSTLY_STATES = ("pending", "running", "stopping")


@dataclass(frozen=True, kw_only=True)
class Termination:
    """What became of instances.

    Attributes:
        terminated: Those that EC2 shows as terminated or shutting down, which costs nothing any more.
        remaining: Those that still run.
        is_confirmed: Whether EC2 was asked afterwards and has answered.
    """

    terminated: tuple[str, ...]
    remaining: tuple[str, ...]
    is_confirmed: bool


def terminate_confirmed(
    calls: AwsCalls,
    settings: GuardSettings,
    ids: Sequence[str],
    *,
    spared: frozenset[str],
    sleep: Callable[[float], None],
) -> Termination:
    """Terminate instances, and what is launched meanwhile, and ask EC2 whether they are.

    Args:
        calls: The account.
        settings: The environment.
        ids: Instances.
        spared: Instances that are left alone.
        sleep: Waits between rounds.
    """
    asked: set[str] = set()
    refused: set[str] = set()
    wanted = tuple(ids)
    remaining: tuple[str, ...] | None = None
    for round_number in range(_ROUNDS):
        asked |= set(wanted)
        refused |= terminate_instances(calls, [identifier for identifier in wanted if identifier not in refused])
        remaining = calls.attempt_call("ec2:DescribeInstances", lambda: _running_ids(calls, settings, spared))
        if remaining is None or not set(remaining) - refused or round_number == _ROUNDS - 1:
            break
        sleep(_ROUND_SECONDS)
        wanted = remaining
    if remaining is None:
        return Termination(
            terminated=tuple(sorted(asked - refused)), remaining=tuple(sorted(refused)), is_confirmed=False
        )
    return Termination(
        terminated=tuple(sorted(asked - set(remaining))), remaining=tuple(sorted(remaining)), is_confirmed=True
    )


def terminate_instances(calls: AwsCalls, ids: Sequence[str]) -> set[str]:
    """Terminate instances and return those that AWS refuses; a batch that is refused is halved."""
    refused: dict[str, str] = {}
    batches = [tuple(ids[start : start + _BATCH]) for start in range(0, len(ids), _BATCH)]
    fruitless = 0
    while batches:
        batch = batches.pop(0)
        try:
            calls.service_client("ec2").terminate_instances(InstanceIds=list(batch))
        except Exception as error:  # noqa: BLE001 — whatever fails must not shield the other instances
            fruitless += 1
            if len(batch) > 1 and fruitless < _FRUITLESS_CALLS and _is_about_instances(error):
                half = len(batch) // 2
                batches[:0] = [batch[:half], batch[half:]]
            else:
                refused.update(dict.fromkeys(batch, error_text(error)))
        else:
            fruitless = 0
    for text in sorted(set(refused.values())):
        subjects = sorted(identifier for identifier, its_text in refused.items() if its_text == text)
        calls.failures.append(CallFailure(call=TERMINATE, subject=_list_some(subjects), error=text))
    return set(refused)


def _is_about_instances(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return status < 500 and error.response.get("Error", {}).get("Code") not in _WHOLE_CALL_CODES  # noqa: PLR2004 — HTTP's server errors


def _running_ids(calls: AwsCalls, settings: GuardSettings, spared: frozenset[str]) -> tuple[str, ...]:
    costly = {"Name": "instance-state-name", "Values": list(_COSTLY_STATES)}
    pages = calls.service_client("ec2").get_paginator("describe_instances")
    found = pages.paginate(Filters=[*environment_filters(settings), costly], PaginationConfig={"PageSize": PAGE_SIZE})
    ids = (
        instance["InstanceId"]
        for page in found
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    )
    return tuple(identifier for identifier in ids if identifier not in spared)


def _list_some(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:5])
    return shown if len(ids) <= 5 else f"{shown} and {len(ids) - 5} more"  # noqa: PLR2004 — what a message has room for
