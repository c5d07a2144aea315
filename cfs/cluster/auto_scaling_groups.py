"""Node groups as AWS describes them, and the choice of groups by name, role or prefix."""

from __future__ import annotations

from collections import defaultdict
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
"""Tag of a group whose missing spot nodes were launched on demand; its value is the distribution to restore."""

_NEEDED_PROCESSES = ("Launch", "Terminate", "ScheduledActions")
"""Auto Scaling processes that a group needs to start and to stop."""


@dataclass(frozen=True, kw_only=True)
class InstancesDistribution:
    """On-demand share of a group's nodes: `base` nodes, and `percent` of the others."""

    base: int
    percent: int

    def on_demand_count(self, nodes: int) -> int:
        """Return the number of on-demand nodes among `nodes`."""
        above = max(nodes - self.base, 0)
        return min(self.base, nodes) + -(-above * self.percent // 100)

    def __str__(self) -> str:
        """Return the tag's value."""
        return f"{self.base}:{self.percent}"

    @classmethod
    def parse_tag(cls, text: str) -> InstancesDistribution:
        """Parse the tag's value.

        Raises:
            ValueError: The value is not BASE:PERCENT.
        """
        base, percent = text.split(":")
        return cls(base=int(base), percent=int(percent))


@dataclass(frozen=True, kw_only=True)
class GroupMember:
    """An instance in a group: its lifecycle state, and whether it is protected from scale-in."""

    id: str
    state: str
    is_protected: bool

    @property
    def is_in_service(self) -> bool:
        """Whether the instance is in service."""
        return self.state == "InService"

    @property
    def is_leaving(self) -> bool:
        """Whether the instance is being terminated or detached."""
        return self.state.startswith(("Terminat", "Detach"))


@dataclass(frozen=True, kw_only=True)
class AutoScalingGroup:
    """A node group: one Auto Scaling group.

    Attributes:
        name: Name in the stack: the tag `NodeGroup`.
        full_name: The Auto Scaling group's name.
        role: Tag `Role`.
        nodes: Number of nodes while the group runs: the tag `Nodes`.
        minimum: Minimum size.
        maximum: Maximum size.
        desired: Desired capacity.
        rebalances: Whether AWS launches a spot node's replacement before it interrupts the node.
        members: The instances.
        suspended: Suspended processes.
        instance_types: Instance types of the policy and the members.
        zones: Availability zones.
        distribution: Current distribution; without a mixed instances policy, all nodes are on demand.
        fallback_from: Distribution to restore once the nodes of an on-demand fallback are gone.
        policy: Mixed instances policy as AWS describes it, if any.
        starts: Scheduled actions that start nodes.
        stop: Scheduled action that stops them, if any.
        stop_as_described: This action as AWS describes it, with its sizes.
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
        """Number of nodes in service."""
        return sum(member.is_in_service for member in self.members)

    @property
    def missing_count(self) -> int:
        """Number of desired nodes that have not been launched."""
        return max(self.desired - sum(not member.is_leaving for member in self.members), 0)

    @property
    def most_nodes(self) -> int:
        """Maximum size while the group runs, with room for a replacement if it rebalances."""
        return self.nodes + 1 if self.rebalances and self.nodes else self.nodes

    @property
    def scheduled_actions(self) -> tuple[ScheduledAction, ...]:
        """All scheduled actions."""
        return self.starts if self.stop is None else (*self.starts, self.stop)

    @property
    def hindered_by(self) -> tuple[str, ...]:
        """Suspended processes that the group needs to start and to stop."""
        return tuple(process for process in _NEEDED_PROCESSES if process in self.suspended)


def discover_groups(aws: AwsAccount, environment: str, *, names: Sequence[str] = ()) -> list[AutoScalingGroup]:
    """Find an environment's node groups by their tags, sorted by name; `names` are full names, empty for all groups."""
    chosen = {"AutoScalingGroupNames": list(names)} if names else {}
    actions = _describe_actions(aws)
    groups = [
        _parse_group(answer, actions.get(answer["AutoScalingGroupName"], []))
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
    if not groups:
        raise UserError(
            f"The environment {environment!r} has no node group in {aws.region}: no Auto Scaling group has "
            f"the tags project={PROJECT_NAME}, Environment={environment} and NodeGroup.",
            repair="make up"
            if aws.is_emulated
            else f"check --environment and --region, or `pulumi up -s {environment}`",
        )
    return sorted(groups, key=lambda group: group.name)


def choose_groups(groups: Sequence[AutoScalingGroup], wanted: Sequence[str]) -> list[AutoScalingGroup]:
    """Return the groups with one of the names, roles or prefixes, such as `storage` for both sites."""
    if not wanted:
        return list(groups)
    names = [group.name for group in groups]
    chosen: set[str] = set()
    for word in wanted:
        matching = {name for name in names if name == word} or {
            group.name for group in groups if group.role == word or group.name.startswith(f"{word}-")
        }
        if not matching:
            roles = sorted({group.role for group in groups})
            close = get_close_matches(word, [*names, *roles], n=1)
            hint = f"did you mean --group {close[0]}? " if close else ""
            raise UserError(
                f"No node group has the name, role or prefix {word!r}.",
                repair=f"{hint}Groups: {', '.join(names)}; roles: {', '.join(roles)}.",
            )
        chosen |= matching
    return [group for group in groups if group.name in chosen]


def _describe_actions(aws: AwsAccount) -> Mapping[str, Sequence[dict[str, Any]]]:
    """Return the scheduled actions of all groups by the groups' full names, which takes one call for most accounts."""
    actions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for action in aws.list_items("autoscaling", "describe_scheduled_actions", "ScheduledUpdateGroupActions[]"):
        actions[action["AutoScalingGroupName"]].append(action)
    return dict(actions)


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
            f"The Auto Scaling group {full_name} has no valid number of nodes: its tag Nodes is {tag!r}.",
            repair="restore the tag: pulumi up --refresh",
        )
    return int(tag)


def _instance_types(policy: Mapping[str, Any] | None, instances: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    overrides = (policy or {}).get("LaunchTemplate", {}).get("Overrides", [])
    types = [override["InstanceType"] for override in overrides if "InstanceType" in override]
    return tuple(dict.fromkeys([*types, *(i["InstanceType"] for i in instances if "InstanceType" in i)]))


def _parse_distribution(policy: Mapping[str, Any] | None) -> InstancesDistribution:
    distribution = (policy or {}).get("InstancesDistribution", {})
    # AWS's defaults: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstancesDistribution.html
    return InstancesDistribution(
        base=distribution.get("OnDemandBaseCapacity", 0),
        percent=distribution.get("OnDemandPercentageAboveBaseCapacity", 100),
    )


def _parse_fallback(tag: str | None) -> InstancesDistribution | None:
    if tag is None:
        return None
    try:
        return InstancesDistribution.parse_tag(tag)
    except ValueError as error:
        raise UserError(
            f"The tag {FALLBACK_TAG} is {tag!r}, not BASE:PERCENT such as 0:0.",
            repair="restore the group as declared: pulumi up --refresh",
        ) from error
