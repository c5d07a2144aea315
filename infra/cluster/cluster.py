"""The spot test cluster: for each node group one launch template and one Auto Scaling group, whatever its size."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 — Pulumi reads the annotations of components at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import autoscaling, ec2

from infra.boot import nodes as boot
from infra.cluster import lifecycle
from infra.cluster.group_schedule import GroupScheduleArgs, declare_group_schedule
from infra.component import Component
from infra.log_group import declare_log_group
from infra.naming import LAUNCH_TEMPLATE, physical_name, scaling_group_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from infra.config.node_groups import NodeGroup
    from infra.network.node_network import NodeNetwork
    from infra.schedules.schedule import Calendar
    from infra.stack_context import SecuredStack

SIZE_PROPERTIES = ["minSize", "maxSize", "desiredCapacity"]
"""Properties that a deployment sets once and then ignores: schedules and operators start and stop nodes."""

ROOT_DEVICE = "/dev/sda1"
"""Root device of Canonical's images; a mapping with another name would add a volume."""

HEALTH_CHECK_GRACE_SECONDS = 300
"""Grace period for EC2's status checks while a node boots."""

GROUP_METRICS = [
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
]
"""The group's own metrics that answer whether it has the nodes that it should have. Group metrics cost nothing:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html"""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Inputs of the cluster.

    Attributes:
        stack: The stack.
        network: Where the nodes run. A schedule or an operator may start them as soon as there is a group.
        groups: Its node groups.
        image_parameter: Public SSM parameter that names the AMI, read by EC2 whenever a node is launched: nodes live
            for hours, so each start has Canonical's newest image without a deployment, and a new image is no change
            in a preview. A parameter with a date instead of `current` keeps all nodes at one image.
        instance_profile: Their identity.
        artifact_bucket: Where they install releases from.
        repository: The repository that releases come from, `owner/name` on GitHub.
        calendar: When they run.
        now: What lies before is left out of the schedules.
    """

    stack: SecuredStack
    network: NodeNetwork
    groups: Sequence[NodeGroup]
    image_parameter: str
    instance_profile: pulumi.Output[str]
    artifact_bucket: pulumi.Output[str]
    repository: str
    calendar: Calendar
    now: datetime


class Cluster(Component):
    """The node groups. They are made with nothing to run: schedules and operators start them.

    Attributes:
        group_names: The Auto Scaling group of each node group, by the node group's name.
        log_group: Where the nodes' logs are shipped to.
    """

    group_names: Mapping[str, pulumi.Output[str]]
    log_group: pulumi.Output[str]

    def __init__(self, name: str, *, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the node groups."""
        super().__init__(name, opts=opts)
        self._args = args
        logs = declare_log_group(self, f"{name}-nodes", stack=args.stack, purpose="nodes", tag="node-logs")
        self.log_group = logs.name
        self.group_names = {group.name: self._declare_node_group(group) for group in args.groups}
        self.register_declared_outputs()

    def _group_tags(self, group: NodeGroup) -> dict[str, str]:
        """Return the tags of a group, of its nodes and of what comes with them."""
        return {
            **self._args.stack.tags.for_resource(group.name, role=group.role, site=group.site),
            "NodeGroup": group.name,
        }

    def _declare_launch_template(self, group: NodeGroup) -> ec2.LaunchTemplate:
        args = self._args
        tags = self._group_tags(group)
        return ec2.LaunchTemplate(
            group.name,
            name=physical_name(LAUNCH_TEMPLATE, PROJECT_NAME, args.stack.environment, group.name),
            image_id=f"resolve:ssm:{args.image_parameter}",
            update_default_version=True,
            user_data=self._node_user_data(group),
            iam_instance_profile={"name": args.instance_profile},
            network_interfaces=[
                {
                    "device_index": 0,
                    "associate_public_ip_address": str(args.network.assigns_public_ips).lower(),
                    "security_groups": [args.network.security_group_ids[group.role_defaults.security_group]],
                    "delete_on_termination": "true",
                }
            ],
            # Nodes name each other by the name that EC2's DNS has for each instance id, which no other node ever gets.
            private_dns_name_options={"hostname_type": "resource-name", "enable_resource_name_dns_a_record": True},
            # By default burstable types are charged for processor time beyond their credits.
            credit_specification={"cpu_credits": "standard"} if group.is_burstable else None,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            block_device_mappings=[
                {
                    "device_name": ROOT_DEVICE,
                    "ebs": {
                        "volume_type": "gp3",
                        "volume_size": group.root_disk_gib,
                        "encrypted": "true",
                        "kms_key_id": args.stack.key_arn,
                        "delete_on_termination": "true",
                    },
                }
            ],
            tag_specifications=[
                {"resource_type": kind, "tags": tags} for kind in ("instance", "volume", "network-interface")
            ],
            tags=tags,
            opts=self.child_options(),
        )

    def _node_user_data(self, group: NodeGroup) -> pulumi.Output[str]:
        args = self._args
        return pulumi.Output.all(self.log_group, args.artifact_bucket).apply(
            lambda known: boot.node_user_data(
                boot.NodeMachine(
                    profile=group.role,
                    environment=args.stack.environment,
                    region=args.stack.region,
                    site=group.site,
                    node_group=group.name,
                    log_group=known[0],
                    artifact_bucket=known[1],
                    repository=args.repository,
                )
            )
        )

    def _declare_node_group(self, group: NodeGroup) -> pulumi.Output[str]:
        """Declare a group with what starts and stops its nodes and waits for them, and give its name."""
        name: pulumi.Output[str] = self._declare_scaling_group(
            group, template=self._declare_launch_template(group)
        ).name
        schedule = GroupScheduleArgs(
            group_name=name,
            calendar=group.group_calendar(self._args.calendar),
            node_count=group.count,
            max_nodes=group.max_nodes,
            now=self._args.now,
        )
        declare_group_schedule(self, group.name, args=schedule)
        lifecycle.declare_lifecycle_hooks(group.name, group_name=name, opts=self.child_options())
        return name

    def _declare_scaling_group(self, group: NodeGroup, *, template: ec2.LaunchTemplate) -> autoscaling.Group:
        args = self._args
        return autoscaling.Group(
            group.name,
            name=scaling_group_name(args.stack.environment, group.name),
            min_size=0,
            desired_capacity=0,
            max_size=group.max_nodes,
            vpc_zone_identifiers=list(args.network.subnet_ids[group.site]),
            mixed_instances_policy={
                "launch_template": {
                    "launch_template_specification": {
                        "launch_template_id": template.id,
                        # By its number, so that a new version is a change that a preview shows; running nodes keep
                        # theirs, since nothing refreshes the group.
                        "version": template.latest_version.apply(str),
                    },
                    "overrides": [{"instance_type": type_} for type_ in group.instance_types],
                },
                "instances_distribution": {
                    "on_demand_allocation_strategy": "prioritized",
                    "on_demand_base_capacity": group.on_demand_base,
                    "on_demand_percentage_above_base_capacity": group.on_demand_percent,
                    # AWS's advice for spot. No highest price: without one it is the price on demand.
                    "spot_allocation_strategy": "price-capacity-optimized",
                },
            },
            capacity_rebalance=group.role_defaults.is_replaceable,
            # It terminates nodes, with the data or the test run that is on them, only to have the zones even.
            suspended_processes=["AZRebalance"],
            health_check_type="EC2",
            health_check_grace_period=HEALTH_CHECK_GRACE_SECONDS,
            enabled_metrics=GROUP_METRICS,
            metrics_granularity="1Minute",
            # Nobody waits for nodes here: spot capacity may come in an hour or not at all.
            wait_for_capacity_timeout="0",
            # Deleting the group ends its nodes, and does not wait for what they still want to do.
            force_delete=True,
            tags=[
                *(
                    {"key": key, "value": value, "propagate_at_launch": True}
                    for key, value in self._group_tags(group).items()
                ),
                # How many nodes it has when it runs: of the group alone, since a node is one of them.
                {"key": "Nodes", "value": str(group.count), "propagate_at_launch": False},
            ],
            opts=self.child_options(ignore_changes=SIZE_PROPERTIES, depends_on=args.network.way_out),
        )
