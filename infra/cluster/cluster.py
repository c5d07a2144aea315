"""The spot test cluster: one launch template and one Auto Scaling group for each node group."""

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
from infra.log_group import declare_event_count, declare_log_group
from infra.naming import LAUNCH_TEMPLATE, physical_name, scaling_group_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from infra.config.node_groups import NodeGroup
    from infra.network.node_network import NodeNetwork
    from infra.schedules.schedule import Calendar
    from infra.stack_context import SecuredStack

OPERATED_PROPERTIES = ["minSize", "maxSize", "desiredCapacity", "suspendedProcesses"]
"""Properties that a deployment sets only on creation: schedules and operators start and stop nodes, and the cost guard
suspends the processes that launch nodes."""

ROOT_DEVICE = "/dev/sda1"
"""Root device name of Canonical's images; any other name would add a second volume."""

HEALTH_CHECK_GRACE_SECONDS = 300
"""Grace period of EC2's status checks while a node boots, in seconds."""

GROUP_METRICS = [
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
]
"""Group metrics that show whether the group has its desired nodes. Group metrics are free:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html"""

NODE_ERRORS = "?ERROR ?panicked"
"""Filter pattern of errors in the logs of ClaudeFS's programs, and of Rust's panics."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Inputs of the cluster.

    Attributes:
        stack: The stack.
        network: Network of the nodes. Schedules and operators may start nodes as soon as a group exists.
        groups: The stack's node groups.
        image_parameter: Public SSM parameter that names the AMI. EC2 resolves it at each launch, so nodes, which live
            for hours, get Canonical's newest image without a deployment, and previews show no change when an image
            is published. A parameter with a date instead of `current` keeps all nodes at one image.
        instance_profile: Instance profile of the nodes.
        artifact_bucket: Bucket that nodes install releases from.
        repository: GitHub repository of the releases, as `owner/name`.
        calendar: The stack's calendar; groups may have their own hours.
        now: Current time; scheduled actions before it are omitted.
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
    """The node groups, created without nodes: schedules and operators start them.

    Attributes:
        group_names: Names of the Auto Scaling groups, by node group.
        log_group: Name of the log group for the nodes' logs.
    """

    group_names: Mapping[str, pulumi.Output[str]]
    log_group: pulumi.Output[str]

    def __init__(self, name: str, *, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the node groups."""
        super().__init__(name, opts=opts)
        self._args = args
        logs = declare_log_group(self, f"{name}-nodes", stack=args.stack, purpose="nodes", tag="node-logs")
        declare_event_count(self, "NodeErrors", stack=args.stack, logs=logs, pattern=NODE_ERRORS)
        self.log_group = logs.name
        self.group_names = {group.name: self._declare_node_group(group) for group in args.groups}
        self.register_declared_outputs()

    def _group_tags(self, group: NodeGroup) -> dict[str, str]:
        """Return the tags of a group, its launch template, its nodes, and their volumes and network interfaces."""
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
            # Nodes address each other by EC2's DNS names, which contain the instance ID and so are never reused.
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
        """Declare a group with its scheduled actions and lifecycle hooks, and return its name."""
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
                        # The version number, so that previews show a new version. Running nodes keep their version,
                        # since no instance refresh is configured.
                        "version": template.latest_version.apply(str),
                    },
                    "overrides": [{"instance_type": type_} for type_ in group.instance_types],
                },
                "instances_distribution": {
                    "on_demand_allocation_strategy": "prioritized",
                    "on_demand_base_capacity": group.on_demand_base,
                    "on_demand_percentage_above_base_capacity": group.on_demand_percent,
                    # The strategy that AWS recommends for spot. The maximum price defaults to the On-Demand price.
                    "spot_allocation_strategy": "price-capacity-optimized",
                },
            },
            capacity_rebalance=group.role_defaults.is_replaceable,
            # AZRebalance terminates nodes, with their data or test runs, only to balance the zones.
            suspended_processes=["AZRebalance"],
            health_check_type="EC2",
            health_check_grace_period=HEALTH_CHECK_GRACE_SECONDS,
            enabled_metrics=GROUP_METRICS,
            metrics_granularity="1Minute",
            # A deployment does not wait for nodes: spot capacity may take an hour or never become available.
            wait_for_capacity_timeout="0",
            # Deleting the group terminates its nodes without waiting for lifecycle hooks.
            force_delete=True,
            tags=[
                *(
                    {"key": key, "value": value, "propagate_at_launch": True}
                    for key, value in self._group_tags(group).items()
                ),
                # The number of nodes while the group runs; not propagated, since it describes the group.
                {"key": "Nodes", "value": str(group.count), "propagate_at_launch": False},
            ],
            opts=self.child_options(ignore_changes=OPERATED_PROPERTIES, depends_on=args.network.way_out),
        )
