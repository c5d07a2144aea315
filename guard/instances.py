"""The environment's instances as EC2 describes them, recently terminated ones included."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guard.calls import AwsCalls
    from guard.environment import GuardSettings

ORCHESTRATOR_ROLE = "orchestrator"
"""Tag `Role` of the agents' machine, which the guard never terminates."""

PAGE_SIZE = 1000
"""Instances and volumes per page: the most that EC2 returns.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html"""

_ENDED_AT = re.compile(r"\((?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An instance.

    Attributes:
        id: Instance ID.
        role: Tag `Role`.
        state: Its state, such as `running`.
        instance_type: Its type.
        zone: Its availability zone.
        is_spot: Whether it is a spot instance.
        has_public_ip: Whether it has a public IPv4 address.
        launched: Its last start.
        ended: When it was stopped or terminated, if EC2 says so.
    """

    id: str
    role: str
    state: str
    instance_type: str
    zone: str
    is_spot: bool
    has_public_ip: bool
    launched: datetime
    ended: datetime | None


def environment_filters(settings: GuardSettings) -> list[dict[str, Any]]:
    """Return EC2's filters for what belongs to the environment."""
    return [
        {"Name": "tag:project", "Values": [settings.project]},
        {"Name": "tag:Environment", "Values": [settings.environment]},
    ]


def read_instances(calls: AwsCalls, settings: GuardSettings) -> tuple[tuple[Instance, ...], bool]:
    """Return the instances that EC2 describes, and whether these are all."""
    found: list[Instance] = []

    def read_pages() -> bool:
        pages = calls.service_client("ec2").get_paginator("describe_instances")
        for page in pages.paginate(Filters=environment_filters(settings), PaginationConfig={"PageSize": PAGE_SIZE}):
            found.extend(
                _parse_instance(answer) for reservation in page["Reservations"] for answer in reservation["Instances"]
            )
        return True

    is_complete = calls.attempt_call("ec2:DescribeInstances", read_pages) is not None
    return tuple(found), is_complete


def _parse_instance(answer: Mapping[str, Any]) -> Instance:
    tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
    ended = _ENDED_AT.search(answer.get("StateTransitionReason") or "")
    return Instance(
        id=answer["InstanceId"],
        role=tags.get("Role", ""),
        state=answer["State"]["Name"],
        instance_type=answer["InstanceType"],
        zone=answer["Placement"]["AvailabilityZone"],
        is_spot=answer.get("InstanceLifecycle") == "spot",
        has_public_ip=bool(answer.get("PublicIpAddress")),
        launched=answer["LaunchTime"].astimezone(UTC),
        ended=datetime.fromisoformat(f"{ended['at']}+00:00") if ended else None,
    )
