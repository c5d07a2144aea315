"""Running times of today's nodes, from EC2's descriptions and Auto Scaling's activities.

EC2 forgets an instance about an hour after its termination; Auto Scaling remembers the termination for six weeks, but
not the instance type. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cfs.cluster.scaling_activities import read_activities
from costs.running_costs import CapacityPool, Market, NodeRun
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.scaling_activities import ScalingActivity

_LONGEST_TERMINATION = timedelta(hours=2)
"""A termination that begins before midnight may end after it."""

_GONE = frozenset({"terminated", "stopped"})
_ENDED_AT = re.compile(r"\((?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


@dataclass(frozen=True, kw_only=True)
class NodeInstance:
    """An instance as EC2 describes it; `ended` is its termination, if EC2 shows it."""

    id: str
    group: str
    pool: CapacityPool
    market: Market
    launched: datetime
    state: str
    ended: datetime | None

    @property
    def is_there(self) -> bool:
        """Whether the instance is neither terminated nor stopped."""
        return self.state not in _GONE


def start_of_day(now: datetime) -> datetime:
    """Return the start of the day in UTC, the time zone of AWS Budgets.

    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
    """
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def list_instances(aws: AwsAccount, environment: str, groups: Sequence[AutoScalingGroup]) -> list[NodeInstance]:
    """List the instances of groups that EC2 still describes, including recently terminated ones."""
    found = aws.list_items(
        "ec2",
        "describe_instances",
        "Reservations[].Instances[]",
        Filters=[
            {"Name": "tag:project", "Values": [PROJECT_NAME]},
            {"Name": "tag:Environment", "Values": [environment]},
            {"Name": "tag:NodeGroup", "Values": [group.name for group in groups]},
        ],
    )
    return [_parse_instance(answer) for answer in found]


def runs_since(
    aws: AwsAccount, groups: Sequence[AutoScalingGroup], known: Sequence[NodeInstance], *, midnight: datetime
) -> list[NodeRun]:
    """Return the running time of each node since midnight."""
    runs: list[NodeRun] = []
    for group in groups:
        activities = read_activities(aws, group, since=midnight - _LONGEST_TERMINATION)
        instances = [instance for instance in known if instance.group == group.name]
        runs += assemble_runs(group, instances, activities, midnight)
    return runs


def assemble_runs(
    group: AutoScalingGroup, known: Sequence[NodeInstance], recorded: Sequence[ScalingActivity], midnight: datetime
) -> list[NodeRun]:
    """Return the runs of a group's nodes since midnight, from EC2's instances and Auto Scaling's activities."""
    ends = {activity.instance_id: activity.ended for activity in recorded if not activity.is_launch}
    begins = {
        activity.instance_id: activity.began
        for activity in recorded
        if activity.is_launch and activity.instance_id and not activity.has_failed
    }
    runs = [_instance_run(instance, ends) for instance in known]
    described = {instance.id for instance in known}
    runs += [
        NodeRun(
            id=identifier,
            group=group.name,
            pools=possible_pools(group, "spot" if _is_spot(group) else "on-demand"),
            market="spot" if _is_spot(group) else "on-demand",
            began=begins.get(identifier, midnight),
            ended=ends.get(identifier),
        )
        # A recorded launch without an end cannot be counted if EC2 does not describe the instance.
        for identifier in ends
        if identifier and identifier not in described and ends[identifier] is not None
    ]
    return [
        NodeRun(**{**vars(run), "began": max(run.began, midnight)})
        for run in runs
        if run.ended is None or run.ended > midnight
    ]


def possible_pools(group: AutoScalingGroup, market: Market) -> tuple[CapacityPool, ...]:
    """Return the possible capacity pools of a group's nodes."""
    zones = group.zones if market == "spot" else ("",)
    return tuple(CapacityPool(instance_type=name, zone=zone) for name in group.instance_types for zone in zones)


def _is_spot(group: AutoScalingGroup) -> bool:
    """Return whether any of a group's nodes is a spot instance."""
    return group.distribution.on_demand_count(max(group.nodes, 1)) < max(group.nodes, 1)


def _instance_run(instance: NodeInstance, ends: Mapping[str, datetime | None]) -> NodeRun:
    ended = instance.ended or ends.get(instance.id)
    return NodeRun(
        id=instance.id,
        group=instance.group,
        pools=(instance.pool,),
        market=instance.market,
        began=instance.launched,
        # If no source knows when it ended, it counts as ended at its launch.
        ended=None if instance.is_there else ended or instance.launched,
    )


def _parse_instance(answer: Mapping[str, Any]) -> NodeInstance:
    tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
    spot = answer.get("InstanceLifecycle") == "spot"
    ended = _ENDED_AT.search(answer.get("StateTransitionReason", ""))
    return NodeInstance(
        id=answer["InstanceId"],
        group=tags["NodeGroup"],
        pool=CapacityPool(
            instance_type=answer["InstanceType"], zone=answer["Placement"]["AvailabilityZone"] if spot else ""
        ),
        market="spot" if spot else "on-demand",
        launched=answer["LaunchTime"].astimezone(UTC),
        state=answer["State"]["Name"],
        ended=datetime.fromisoformat(f"{ended['at']}+00:00") if ended else None,
    )
