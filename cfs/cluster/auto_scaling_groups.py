"""Node groups as AWS describes them, and which of them a command means."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from infra.schedules.occurrences import parse_scheduled_action
from infra.schedules.schedule import STOP_ACTION
from infra.tags import PROJECT_NAME
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.aws import AwsAccount
    from infra.schedules.schedule import ScheduledAction

FALLBACK_TAG = "OnDemandFallback"
"""Tag of a group whose missing spot nodes were launched on demand: the distribution to put back, `BASE:PERCENT`."""

_NEEDED_PROCESSES = ("Launch", "Terminate", "ScheduledActions")
"""Processes without which a group neither starts nor stops as told."""


@dataclass(frozen=True, kw_only=True)
class InstancesDistribution:
    """How many of a group's nodes are on demand; the others are spot instances.

    Attributes:
        base: So many before any is a spot instance.
        percent: The share of the nodes above them, in percent.
    """

    base: int
    percent: int

    def on_demand_count(self, nodes: int) -> int:
        """Return how many of so many nodes are on demand."""
        above = max(nodes - self.base, 0)
        return min(self.base, nodes) + -(-above * self.percent // 100)

    def __str__(self) -> str:
        """Write it as the tag holds it."""
        return f"{self.base}:{self.percent}"

    @classmethod
    def parse_tag(cls, text: str) -> InstancesDistribution:
        """Read what the tag holds.

        Raises:
            ValueError: It is something else.
        """
        base, percent = text.split(":")
        return cls(base=int(base), percent=int(percent))


@dataclass(frozen=True, kw_only=True)
class GroupMember:
    """An instance in a group, as Auto Scaling sees it.

    Attributes:
        id: The instance.
        state: Its lifecycle state, such as `Pending:Wait` or `InService`.
        is_protected: Whether the group may not terminate it to become smaller.
    """

    id: str
    state: str
    is_protected: bool

    @property
    def is_in_service(self) -> bool:
        """Whether it has booted and serves."""
        return self.state == "InService"

    @property
    def is_leaving(self) -> bool:
        """Whether it is on its way out of the group."""
        return self.state.startswith(("Terminat", "Detach"))


@dataclass(frozen=True, kw_only=True)
class AutoScalingGroup:
    """A node group: one Auto Scaling group.

    Attributes:
        name: Its name in the stack: the tag `NodeGroup`.
        full_name: The Auto Scaling group's name.
        role: What its nodes are for: the tag `Role`.
        nodes: How many it has when it runs: the tag `Nodes`.
        minimum: Its size's lower bound.
        maximum: Its size's upper bound.
        desired: How many nodes it is to have now.
        rebalances: Whether AWS starts a spot node's successor before it takes the node.
        members: Its instances.
        suspended: What it does not do at present: names of Auto Scaling's processes.
        instance_types: What its nodes may run on.
        zones: Availability zones in which they may.
        distribution: How many are on demand, now; all in a group without a mixed instances policy.
        fallback_from: The distribution to put back once the nodes launched on demand for want of spot ones are gone.
        policy: Its mixed instances policy as AWS describes it, or None without one.
        starts: Its scheduled actions that start nodes.
        stop: The one that stops them, or None where there is none.
        stop_as_described: The same as AWS describes it, with the sizes that it sets.
    """

    name: str
    full_name: str
    role: str
    nodes: int
    minimum: int
    maximum: int
    desired: int
    rebalances: bool
    members: tuple[GroupMember, ...]
    suspended: frozenset[str]
    instance_types: tuple[str, ...]
    zones: tuple[str, ...]
    distribution: InstancesDistribution
    fallback_from: InstancesDistribution | None
    policy: Mapping[str, Any] | None = field(repr=False)
    starts: tuple[ScheduledAction, ...]
    stop: ScheduledAction | None
    stop_as_described: Mapping[str, Any] | None = field(repr=False)

    @property
    def in_service(self) -> int:
        """How many nodes serve."""
        return sum(member.is_in_service for member in self.members)

    @property
    def missing_count(self) -> int:
        """How many nodes have not been launched that are to be there."""
        return max(self.desired - sum(not member.is_leaving for member in self.members), 0)

    @property
    def most_nodes(self) -> int:
        """The upper bound when it runs: with room for a successor where AWS starts one before it takes a node."""
        return self.nodes + 1 if self.rebalances and self.nodes else self.nodes

    @property
    def scheduled_actions(self) -> tuple[ScheduledAction, ...]:
        """All its scheduled actions."""
        return self.starts if self.stop is None else (*self.starts, self.stop)

    @property
    def hindered_by(self) -> tuple[str, ...]:
        """Suspended processes without which it neither starts nor stops as told."""
        return tuple(process for process in _NEEDED_PROCESSES if process in self.suspended)


def discover_groups(aws: AwsAccount, environment: str, *, names: Sequence[str] = ()) -> list[AutoScalingGroup]:
    """Find the node groups of an environment by their tags, in the order of their names.

    Args:
        aws: The account.
        environment: The stack's name: the tag `Environment`.
        names: Full names of the groups to look at again; none means all.
    """
    chosen = {"AutoScalingGroupNames": list(names)} if names else {}
    found = [
        _parse_group(answer, [*_describe_actions(aws, answer["AutoScalingGroupName"])])
        for answer in aws.list_items(
            "autoscaling",
            "describe_auto_scaling_groups",
            "AutoScalingGroups[]",
            Filters=[
                {"Name": "tag:project", "Values": [PROJECT_NAME]},
                {"Name": "tag:Environment", "Values": [environment]},
                {"Name": "tag-key", "Values": ["NodeGroup"]},
            ],
            **chosen,
        )
    ]
    if not found:
        raise UserError(
            f"There is no node group of the environment {environment!r} in {aws.region}: "
            f"no Auto Scaling group has "
            f"the tags project={PROJECT_NAME}, Environment={environment} and NodeGroup.",
            repair="make up"
            if aws.is_emulated
            else f"check --environment and --region, or `pulumi up -s {environment}`",
        )
    return sorted(found, key=lambda group: group.name)


def choose_groups(groups: Sequence[AutoScalingGroup], wanted: Sequence[str]) -> list[AutoScalingGroup]:
    """Return the groups that names mean: a group's name, a role, or what names begin with (`storage`: both sites)."""
    if not wanted:
        return list(groups)
    names = [group.name for group in groups]
    meant: set[str] = set()
    for word in wanted:
        found = {name for name in names if name == word} or {
            group.name for group in groups if group.role == word or group.name.startswith(f"{word}-")
        }
        if not found:
            roles = sorted({group.role for group in groups})
            close = get_close_matches(word, [*names, *roles], n=1)
            hint = f"did you mean --group {close[0]}? " if close else ""
            raise UserError(
                f"There is no node group, role or beginning of a name {word!r}.",
                repair=f"{hint}Groups: {', '.join(names)}; roles: {', '.join(roles)}.",
            )
        meant |= found
    return [group for group in groups if group.name in meant]


def _describe_actions(aws: AwsAccount, full_name: str) -> list[dict[str, Any]]:
    listed = aws.list_items(
        "autoscaling", "describe_scheduled_actions", "ScheduledUpdateGroupActions[]", AutoScalingGroupName=full_name
    )
    return list(listed)


def _parse_group(answer: Mapping[str, Any], actions: Sequence[Mapping[str, Any]]) -> AutoScalingGroup:
    tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
    policy = answer.get("MixedInstancesPolicy")
    stop = next((action for action in actions if action["ScheduledActionName"] == STOP_ACTION), None)
    return AutoScalingGroup(
        name=tags["NodeGroup"],
        full_name=answer["AutoScalingGroupName"],
        role=tags.get("Role", ""),
        nodes=_parse_node_count(answer["AutoScalingGroupName"], tags.get("Nodes")),
        minimum=answer["MinSize"],
        maximum=answer["MaxSize"],
        desired=answer["DesiredCapacity"],
        rebalances=bool(answer.get("CapacityRebalance")),
        members=tuple(
            GroupMember(
                id=instance["InstanceId"],
                state=instance["LifecycleState"],
                is_protected=bool(instance.get("ProtectedFromScaleIn")),
            )
            for instance in answer.get("Instances", [])
        ),
        suspended=frozenset(process["ProcessName"] for process in answer.get("SuspendedProcesses", [])),
        instance_types=_instance_types(policy, answer.get("Instances", [])),
        zones=tuple(answer.get("AvailabilityZones", [])),
        distribution=_parse_distribution(policy),
        fallback_from=_parse_fallback(tags.get(FALLBACK_TAG)),
        policy=policy,
        starts=tuple(
            parse_scheduled_action(action, opens=True)
            for action in actions
            if action is not stop and action.get("DesiredCapacity")
        ),
        stop=None if stop is None else parse_scheduled_action(stop, opens=False),
        stop_as_described=stop,
    )


def _parse_node_count(full_name: str, tag: str | None) -> int:
    if tag is None or not tag.isdecimal():
        raise UserError(
            f"The Auto Scaling group {full_name} does not say how many nodes it has: its tag Nodes is {tag!r}.",
            repair="put the tag back: pulumi up --refresh",
        )
    return int(tag)


def _instance_types(policy: Mapping[str, Any] | None, instances: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    overrides = (policy or {}).get("LaunchTemplate", {}).get("Overrides", [])
    types = [override["InstanceType"] for override in overrides if "InstanceType" in override]
    return tuple(dict.fromkeys([*types, *(i["InstanceType"] for i in instances if "InstanceType" in i)]))


def _parse_distribution(policy: Mapping[str, Any] | None) -> InstancesDistribution:
    given = (policy or {}).get("InstancesDistribution", {})
    # AWS's defaults: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstancesDistribution.html
    return InstancesDistribution(
        base=given.get("OnDemandBaseCapacity", 0), percent=given.get("OnDemandPercentageAboveBaseCapacity", 100)
    )


def _parse_fallback(tag: str | None) -> InstancesDistribution | None:
    if tag is None:
        return None
    try:
        return InstancesDistribution.parse_tag(tag)
    except ValueError as error:
        raise UserError(
            f"The tag {FALLBACK_TAG} is {tag!r}: it holds BASE:PERCENT, such as 0:0.",
            repair="put the group back as declared: pulumi up --refresh",
        ) from error
