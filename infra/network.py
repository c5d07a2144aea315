"""The network that the nodes run in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_aws import ec2

from infra.component import Component

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    import pulumi

    from infra.tags import Tags

SUBNET_PREFIX_LENGTH_STEP = 4
"""A subnet is a sixteenth of the VPC, which leaves room for every site and zone."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What the network is made from.

    Attributes:
        cidr: The VPC's addresses.
        tags: The stack's tags.
    """

    cidr: IPv4Network
    tags: Tags


class Network(Component):
    """A VPC with one subnet, reached by nobody: nodes go out through the internet gateway, nothing comes in.

    Attributes:
        vpc_id: The VPC.
        subnet_id: The subnet.
        security_group_id: Allows what a node sends, and nothing that others send to it.
    """

    vpc_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, *, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the network."""
        super().__init__(name, opts=opts)
        tags = args.tags
        vpc = ec2.Vpc(
            f"{name}-vpc",
            cidr_block=str(args.cidr),
            enable_dns_hostnames=True,
            tags=tags.of("vpc", role="network"),
            opts=self.child(),
        )
        subnet = ec2.Subnet(
            f"{name}-subnet",
            vpc_id=vpc.id,
            cidr_block=str(next(args.cidr.subnets(prefixlen_diff=SUBNET_PREFIX_LENGTH_STEP))),
            tags=tags.of("subnet", role="network"),
            opts=self.child(),
        )
        self._route_out(name, vpc=vpc, subnet=subnet, tags=tags)
        self.vpc_id = vpc.id
        self.subnet_id = subnet.id
        self.security_group_id = self._egress_only_group(name, vpc=vpc, tags=tags).id
        self.register_outputs(
            {"vpcId": self.vpc_id, "subnetId": self.subnet_id, "securityGroupId": self.security_group_id}
        )

    def _route_out(self, name: str, *, vpc: ec2.Vpc, subnet: ec2.Subnet, tags: Tags) -> None:
        gateway = ec2.InternetGateway(
            f"{name}-internet", vpc_id=vpc.id, tags=tags.of("internet", role="network"), opts=self.child()
        )
        table = ec2.RouteTable(
            f"{name}-routes", vpc_id=vpc.id, tags=tags.of("routes", role="network"), opts=self.child()
        )
        ec2.Route(
            f"{name}-internet-route",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self.child(),
        )
        ec2.RouteTableAssociation(
            f"{name}-subnet-routes", subnet_id=subnet.id, route_table_id=table.id, opts=self.child()
        )

    def _egress_only_group(self, name: str, *, vpc: ec2.Vpc, tags: Tags) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            f"{name}-nodes",
            vpc_id=vpc.id,
            description="ClaudeFS nodes: outgoing traffic only; shells come through Session Manager",
            egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
            tags=tags.of("nodes", role="network"),
            opts=self.child(),
        )
