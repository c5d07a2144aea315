"""Launches and terminations that Auto Scaling records for a group, and the reasons of failed launches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup

_DESCRIPTION = re.compile(
    r"(?P<kind>Launching a new|Terminating) EC2 instance(?::\s*(?P<id>i-[0-9a-f]+))?", re.IGNORECASE
)
_ENDED_STATUSES = frozenset({"Successful", "Failed", "Cancelled"})
_FAILED_STATUSES = frozenset({"Failed", "Cancelled"})


@dataclass(frozen=True, kw_only=True)
class ScalingActivity:
    """A launch or a termination.

    Attributes:
        instance_id: The instance; "" for a launch without one.
        is_launch: True for a launch, False for a termination.
        began: Start.
        ended: End; None while the activity is in progress.
        status: AWS's code, such as `Successful`, `Failed` or `PreInService`.
        message: AWS's explanation of the status.
    """

    instance_id: str
    is_launch: bool
    began: datetime
    ended: datetime | None
    status: str
    message: str

    @property
    def has_failed(self) -> bool:
        """Whether the activity failed or was cancelled."""
        return self.status in _FAILED_STATUSES


@dataclass(frozen=True, kw_only=True)
class LaunchTrouble:
    """A reason why AWS cannot launch nodes.

    Attributes:
        marks: Strings that identify the reason in AWS's message: its error code, or other words.
        meaning: Explanation.
        repair: Repair.
        on_demand_helps: Whether on-demand nodes can still be launched.
    """

    marks: tuple[str, ...]
    meaning: str
    repair: str
    on_demand_helps: bool


_MORE_POOLS_REPAIR = (
    "wait some minutes; or give the group more instance types (setting `nodeGroups`, `instanceTypes`) and `pulumi up`"
)
_QUOTA_PAGE = "https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas"

LAUNCH_TROUBLES = (
    LaunchTrouble(
        marks=("UnfulfillableCapacity",),
        meaning="AWS has no spot capacity now for any of the group's instance types in its zones",
        repair=_MORE_POOLS_REPAIR,
        on_demand_helps=True,
    ),
    LaunchTrouble(
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-capacity.html
        marks=("InsufficientInstanceCapacity", "do not have sufficient"),
        meaning="AWS has no capacity now for the group's instance types in its zones",
        repair=_MORE_POOLS_REPAIR,
        on_demand_helps=True,
    ),
    LaunchTrouble(
        marks=("SpotMaxPriceTooLow",),
        meaning="the group's maximum price is below the spot price",
        repair="remove the maximum price: without one, the on-demand price is the limit",
        on_demand_helps=True,
    ),
    LaunchTrouble(
        marks=("MaxSpotInstanceCountExceeded",),
        meaning="the account's quota of spot instances is used up",
        repair=f"request an increase of the quota `All Standard (…) Spot Instance Requests`: {_QUOTA_PAGE}",
        on_demand_helps=True,
    ),
    LaunchTrouble(
        marks=("VcpuLimitExceeded",),
        meaning="the account's quota of processors is used up",
        repair=f"request an increase of the quota `Running On-Demand Standard (…) instances`: {_QUOTA_PAGE}",
        on_demand_helps=False,
    ),
    LaunchTrouble(
        marks=("Lifecycle Action",),
        meaning="a node was launched but did not report in time that it is ready",
        repair="read its log, in the environment's log group of nodes in CloudWatch Logs",
        on_demand_helps=False,
    ),
)
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""


def read_activities(aws: AwsAccount, group: AutoScalingGroup, *, since: datetime) -> list[ScalingActivity]:
    """Read a group's launches and terminations since a time, newest first."""
    answers = aws.list_items(
        "autoscaling",
        "describe_scaling_activities",
        "Activities[]",
        AutoScalingGroupName=group.full_name,
        Filters=[{"Name": "StartTimeLowerBound", "Values": [since.strftime("%Y-%m-%dT%H:%M:%SZ")]}],
    )
    activities = [activity for answer in answers if (activity := _parse_activity(answer)) is not None]
    return sorted(activities, key=lambda activity: activity.began, reverse=True)


def latest_failed_launch(activities: Sequence[ScalingActivity]) -> ScalingActivity | None:
    """Return a group's latest launch if it failed and no other is in progress; `activities` are newest first."""
    launches = [activity for activity in activities if activity.is_launch]
    if not launches or any(launch.status not in _ENDED_STATUSES for launch in launches):
        return None
    return launches[0] if launches[0].has_failed else None


def launch_trouble(message: str) -> LaunchTrouble:
    """Return the reason for a failed launch, from AWS's message."""
    for known in LAUNCH_TROUBLES:
        if any(mark in message for mark in known.marks):
            return known
    return LaunchTrouble(
        marks=(),
        meaning="AWS could not launch a node",
        repair="fix what AWS reports; EC2 Auto Scaling's page on troubleshooting explains its messages",
        on_demand_helps=False,
    )


def _parse_activity(answer: Mapping[str, Any]) -> ScalingActivity | None:
    match = _DESCRIPTION.match(answer.get("Description", ""))
    if match is None:
        return None
    return ScalingActivity(
        instance_id=match["id"] or "",
        is_launch=match["kind"].lower().startswith("launching"),
        began=answer["StartTime"],
        ended=answer.get("EndTime"),
        status=answer["StatusCode"],
        message=answer.get("StatusMessage", ""),
    )
