"""Node groups as data: the cluster's default groups and the changes made by settings."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 — pydantic reads the annotations of its models at run time
from dataclasses import dataclass, replace
from datetime import time  # noqa: TC003 — pydantic reads the annotations when the program runs
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.config import values
from infra.network.ports import SecurityGroupName  # noqa: TC001 — pydantic reads it
from infra.tags import Site

if TYPE_CHECKING:
    from infra.schedules.schedule import Calendar

NodeRole = Literal["storage", "client", "conduit", "jepsen"]
"""Role of a node: its tag `Role`, which ClaudeFS's scripts select nodes by, and the name of its boot profile."""

MAX_INSTANCE_TYPES = 40
"""Maximum number of instance types in an Auto Scaling group:
https://docs.aws.amazon.com/cdk/api/v1/python/aws_cdk.aws_autoscaling/MixedInstancesPolicy.html"""

MAX_NODE_GROUPS = 30
"""Maximum number of groups in a stack: an EventBridge pattern lists them all and is limited to 2,048 characters:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""


@dataclass(frozen=True, kw_only=True)
class RoleDefaults:
    """Properties of all nodes of one role.

    Attributes:
        security_group: The nodes' security group.
        instance_types: Default instance types, the preferred one first. On-Demand capacity uses the first available
            type; spot capacity uses the one least likely to be interrupted at a low price.
        root_disk_gib: Size of the root volume, in GiB.
        is_replaceable: Whether losing a node does no harm, so that it may be replaced before an interruption.
            A storage node holds data, and a Jepsen controller the state of an hours-long run.
    """

    security_group: SecurityGroupName
    instance_types: tuple[str, ...]
    root_disk_gib: int
    is_replaceable: bool


_FOUR_CPUS = ("c7a.xlarge", "c7i.xlarge", "c6a.xlarge", "c6i.xlarge", "m7a.xlarge", "m7i.xlarge", "m6a.xlarge")
"""4 vCPUs and 8 or 16 GiB; more spot pools mean fewer interruptions."""

ROLE_DEFAULTS: Mapping[NodeRole, RoleDefaults] = {
    "storage": RoleDefaults(
        security_group="storage",
        # 8 to 16 vCPUs and at least the minimum of local NVMe (infra/config/local_disks.py).
        instance_types=("i4i.2xlarge", "i7i.2xlarge", "i3en.2xlarge", "i7ie.2xlarge", "i4i.4xlarge", "i3en.3xlarge"),
        root_disk_gib=50,
        is_replaceable=False,
    ),
    "client": RoleDefaults(security_group="client", instance_types=_FOUR_CPUS, root_disk_gib=50, is_replaceable=True),
    "conduit": RoleDefaults(
        security_group="storage",
        instance_types=("t3.medium", "t3a.medium", "t3.large", "t3a.large"),
        root_disk_gib=20,
        is_replaceable=True,
    ),
    "jepsen": RoleDefaults(security_group="client", instance_types=_FOUR_CPUS, root_disk_gib=50, is_replaceable=False),
}
"""Defaults by role. A new role needs an entry here, a boot profile of the same name, and a value of the tag `Role`."""


@dataclass(frozen=True, kw_only=True)
class NodeGroup:
    """Nodes of the same kind: one launch template and one Auto Scaling group, whatever their number.

    Attributes:
        name: Name of the group, unique in the stack; part of resource names, and the tag `NodeGroup`.
        role: Role of the nodes.
        site: Site of the nodes, which run only in its zones.
        count: Number of nodes while the group runs.
        instance_types: Instance types, the preferred one first.
        root_disk_gib: Size of the root volume, in GiB. Data is on the local disks.
        on_demand_base: Number of On-Demand nodes to launch before any spot instance.
        on_demand_percent: Percentage of On-Demand nodes above that base.
        start: Time at which the schedule starts the group; None: the stack's; "none": never, operators start it.
        stop: Time at which it is stopped every day, whoever started it; None: the stack's.
    """

    name: str
    role: NodeRole
    site: Site
    count: int
    instance_types: tuple[str, ...]
    root_disk_gib: int
    on_demand_base: int = 0
    on_demand_percent: int = 0
    start: time | Literal["none"] | None = None
    stop: time | None = None

    @property
    def role_defaults(self) -> RoleDefaults:
        """Defaults of the group's role."""
        return ROLE_DEFAULTS[self.role]

    @property
    def is_burstable(self) -> bool:
        """Whether all its instance types earn CPU credits: T2, T3, T3a."""
        return all(re.match(r"t\d", name) for name in self.instance_types)

    @property
    def max_nodes(self) -> int:
        """Maximum number of nodes: one extra for replaceable nodes, whose replacement may start before they end."""
        return self.count + 1 if self.count and self.role_defaults.is_replaceable else self.count

    def group_calendar(self, stack_calendar: Calendar) -> Calendar:
        """Return the group's calendar: the stack's, with the group's own hours."""
        start = stack_calendar.start if self.start is None else self.start
        return replace(stack_calendar, start=None if start == "none" else start, stop=self.stop or stack_calendar.stop)


class NodeGroupChange(BaseModel):
    """Changes to a default group, or the definition of a new one; omitted fields keep their defaults.

    Attributes:
        enabled: False removes the group from the stack. A count of 0 keeps it, without nodes.
        role: Role of a new group's nodes; a default group's role cannot be changed.
        site: See `NodeGroup`; the default for a new group is site A.
        count: See `NodeGroup`; overrides the number derived from the setting `clusterSize`.
        instance_types: See `NodeGroup`.
        root_disk_gib: See `NodeGroup`.
        on_demand_base: See `NodeGroup`.
        on_demand_percent: See `NodeGroup`.
        schedule_start: See `NodeGroup.start`.
        schedule_stop: See `NodeGroup.stop`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=False)

    enabled: values.Flag = Field(default=True, examples=["false"])
    role: Annotated[NodeRole, values.one_of_words(get_args(NodeRole))] | None = Field(default=None, examples=["client"])
    site: Annotated[Site, values.one_of_words(get_args(Site))] | None = Field(default=None, examples=["A"])
    count: values.NodeCount | None = Field(default=None, examples=["5"])
    instance_types: (
        Annotated[
            tuple[values.InstanceType, ...],
            values.not_empty_list("instance type"),
            values.distinct_items("instance types"),
            values.at_most_items(MAX_INSTANCE_TYPES, "instance types", reason="an Auto Scaling group takes no more"),
        ]
        | None
    ) = Field(default=None, examples=["i4i.2xlarge"])
    root_disk_gib: values.NodeDiskGib | None = Field(default=None, examples=["50"])
    on_demand_base: values.NodeCount | None = Field(default=None, examples=["1"])
    on_demand_percent: values.Percent | None = Field(default=None, examples=["50"])
    schedule_start: values.GroupStart | None = Field(default=None, examples=["08:00"])
    schedule_stop: values.TimeOfDay | None = Field(default=None, examples=["18:00"])


STORAGE_COUNTS: Mapping[int, Mapping[Site, int]] = {3: {"A": 2, "B": 1}, 5: {"A": 3, "B": 2}, 10: {"A": 6, "B": 4}}
"""Number of storage nodes per site, by cluster size."""


def default_groups(cluster_size: int) -> tuple[NodeGroup, ...]:
    """Return the default groups for a number of storage nodes, as ClaudeFS's tests expect them."""

    def make_group(name: str, role: NodeRole, *, count: int = 1, site: Site = "A") -> NodeGroup:
        kind = ROLE_DEFAULTS[role]
        return NodeGroup(
            name=name,
            role=role,
            site=site,
            count=count,
            instance_types=kind.instance_types,
            root_disk_gib=kind.root_disk_gib,
        )

    storage = STORAGE_COUNTS[cluster_size]
    return (
        make_group("storage-a", "storage", count=storage["A"], site="A"),
        make_group("storage-b", "storage", count=storage["B"], site="B"),
        make_group("fuse-client", "client"),
        make_group("nfs-client", "client"),
        make_group("conduit", "conduit"),
        make_group("jepsen", "jepsen"),
    )


DEFAULT_GROUP_NAMES = tuple(group.name for group in default_groups(5))
"""Names of the default groups."""


def resolve_node_groups(cluster_size: int, changes: Mapping[str, NodeGroupChange]) -> tuple[NodeGroup, ...]:
    """Return the groups of a stack: the default groups with their changes, then new groups in order of name.

    A new group without a role is skipped; the rules between settings refuse it.
    """
    groups = {group.name: group for group in default_groups(cluster_size)}
    for name, change in sorted(changes.items()):
        if name not in groups and change.role is not None:
            kind = ROLE_DEFAULTS[change.role]
            groups[name] = NodeGroup(
                name=name,
                role=change.role,
                site="A",
                count=0,
                instance_types=kind.instance_types,
                root_disk_gib=kind.root_disk_gib,
            )
    enabled = (group for group in groups.values() if group.name not in changes or changes[group.name].enabled)
    return tuple(_apply_change(group, changes.get(group.name, NodeGroupChange())) for group in enabled)


def _apply_change(group: NodeGroup, change: NodeGroupChange) -> NodeGroup:
    given = change.model_dump(exclude={"enabled", "role", "schedule_start", "schedule_stop"}, exclude_none=True)
    return replace(group, **given, start=change.schedule_start, stop=change.schedule_stop)
