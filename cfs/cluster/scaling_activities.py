"""What a group has done: Auto Scaling's record of its launches and terminations, and why a launch failed."""

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
    r"(?P<what>Launching a new|Terminating) EC2 instance(?::\s*(?P<id>i-[0-9a-f]+))?", re.IGNORECASE
)
_ENDED_STATUSES = frozenset({"Successful", "Failed", "Cancelled"})
_FAILED_STATUSES = frozenset({"Failed", "Cancelled"})


@dataclass(frozen=True, kw_only=True)
class ScalingActivity:
    """A launch or a termination.

    Attributes:
        instance_id: The instance; "" for a launch that has none yet, or never got one.
        is_launch: Whether it is a launch; else a termination.
        began: When AWS began it.
        ended: When it was over; None while it goes on.
        status: AWS's code, such as `Successful`, `Failed` or `PreInService`.
        message: What AWS says of the status.
    """

    instance_id: str
    is_launch: bool
    began: datetime
    ended: datetime | None
    status: str
    message: str

    @property
    def has_failed(self) -> bool:
        """Whether it came to nothing."""
        return self.status in _FAILED_STATUSES


@dataclass(frozen=True, kw_only=True)
class LaunchTrouble:
    """A reason for which AWS launches no node.

    Attributes:
        code: AWS's name of it.
        meaning: What it means.
        repair: What to do about it.
        on_demand_helps: Whether nodes on demand are not concerned by it.
    """

    code: str
    meaning: str
    repair: str
    on_demand_helps: bool


_MORE_POOLS_REPAIR = (
    "wait some minutes; or give the group more instance types (setting `nodeGroups`, `instanceTypes`) and `pulumi up`"
)
_QUOTA_PAGE = "https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas"

LAUNCH_TROUBLES = (
    LaunchTrouble(
        code="UnfulfillableCapacity",
        meaning="AWS has no spot capacity now for any of the group's instance types in its zones",
        repair=_MORE_POOLS_REPAIR,
        on_demand_helps=True,
    ),
    LaunchTrouble(
        code="InsufficientInstanceCapacity",
        meaning="AWS has no capacity now for the group's instance types in its zones",
        repair=_MORE_POOLS_REPAIR,
        on_demand_helps=True,
    ),
    LaunchTrouble(
        code="SpotMaxPriceTooLow",
        meaning="the group's maximum price is below the spot price",
        repair="take the maximum price away: without one, the price on demand is the limit",
        on_demand_helps=True,
    ),
    LaunchTrouble(
        code="MaxSpotInstanceCountExceeded",
        meaning="the account's quota of spot instances is used up",
        repair=f"have the quota `All Standard (…) Spot Instance Requests` raised: {_QUOTA_PAGE}",
        on_demand_helps=True,
    ),
    LaunchTrouble(
        code="VcpuLimitExceeded",
        meaning="the account's quota of processors is used up",
        repair=f"have the quota `Running On-Demand Standard (…) instances` raised: {_QUOTA_PAGE}",
        on_demand_helps=False,
    ),
    LaunchTrouble(
        code="Lifecycle Action",
        meaning="a node was launched and did not come up: it did not say in time that it is ready",
        repair="read what it has logged, in the environment's log group of nodes in CloudWatch Logs",
        on_demand_helps=False,
    ),
)
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""

_CODE_BY_WORDS = {"do not have sufficient": "InsufficientInstanceCapacity"}
"""What messages say that do not name their code:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-capacity.html"""


def read_activities(aws: AwsAccount, group: AutoScalingGroup, *, since: datetime) -> list[ScalingActivity]:
    """Read a group's launches and terminations that began at a time or later, the newest first."""
    found = aws.list_items(
        "autoscaling",
        "describe_scaling_activities",
        "Activities[]",
        AutoScalingGroupName=group.full_name,
        Filters=[{"Name": "StartTimeLowerBound", "Values": [since.strftime("%Y-%m-%dT%H:%M:%SZ")]}],
    )
    activities = [activity for answer in found if (activity := _parse_activity(answer)) is not None]
    return sorted(activities, key=lambda activity: activity.began, reverse=True)


def latest_failed_launch(activities: Sequence[ScalingActivity]) -> ScalingActivity | None:
    """Return the failed launch that a group has come to, or None while it launches or has launched what it last tried.

    Args:
        activities: The group's, the newest first.
    """
    launches = [activity for activity in activities if activity.is_launch]
    if not launches or any(launch.status not in _ENDED_STATUSES for launch in launches):
        return None
    return launches[0] if launches[0].has_failed else None


def launch_trouble(message: str) -> LaunchTrouble:
    """Tell what a failed launch's message means."""
    for known in LAUNCH_TROUBLES:
        if known.code in message:
            return known
    for words, code in _CODE_BY_WORDS.items():
        if words in message:
            return next(known for known in LAUNCH_TROUBLES if known.code == code)
    return LaunchTrouble(
        code="",
        meaning="AWS could not launch a node",
        repair="repair what AWS says; EC2 Auto Scaling's page on troubleshooting explains its messages",
        on_demand_helps=False,
    )


def _parse_activity(answer: Mapping[str, Any]) -> ScalingActivity | None:
    found = _DESCRIPTION.match(answer.get("Description", ""))
    if found is None:
        return None
    return ScalingActivity(
        instance_id=found["id"] or "",
        is_launch=found["what"].lower().startswith("launching"),
        began=answer["StartTime"],
        ended=answer.get("EndTime"),
        status=answer["StatusCode"],
        message=answer.get("StatusMessage", ""),
    )
