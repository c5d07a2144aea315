"""The network that the nodes run in: a VPC over three zones, and one way out of it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 — Pulumi reads the annotations of components at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi  # noqa: TC002 — Pulumi reads the annotations when the program runs
from pulumi_aws import ec2

from infra.component import Component
from infra.network.subnets import ZoneSubnets, plan_subnets
from infra.tags import Site  # noqa: TC001 — as above

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network

    from infra.network.egress import EgressMode
    from infra.stack_context import StackContext

ANY_IPV4 = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Inputs of the network.

    Attributes:
        stack: The stack.
        cidr: The VPC's addresses.
        zones: Its availability zones; the NAT gateway, where there is one, is in the first.
        sites: The zones of each site.
        egress: How nodes reach the internet.
        protected: Whether Pulumi refuses to delete or replace the VPC, as for what runs in it: a change that would
            replace both is then refused before the first of the network's resources is touched.
    """

    stack: StackContext
    cidr: IPv4Network
    zones: Sequence[str]
    sites: Mapping[Site, Sequence[str]]
    egress: EgressMode
    protected: bool


@dataclass(frozen=True, kw_only=True)
class _ZoneResources:
    """The subnets of one zone."""

    plan: ZoneSubnets
    private: ec2.Subnet
    public: ec2.Subnet


class Network(Component):
    """A VPC with a private and a public subnet in each of three zones, each zone belonging to one site.

    With egress `nat` nodes run in private subnets, behind one NAT gateway: a second and third would outlive the loss
    of a zone, at $1.20 a day each, and the nodes' work is repeated anyway. With `public-ip` they run in public ones,
    each with an address of its own. S3 is reached through a gateway endpoint, which is free, either way.

    Attributes:
        vpc_id: The VPC.
        node_subnet_ids: The subnets that nodes of each site run in, in the order of its zones.
        assigns_public_ips: Whether a node gets a public IPv4 address; it could reach nothing outside without.
    """

    vpc_id: pulumi.Output[str]
    node_subnet_ids: Mapping[Site, list[pulumi.Output[str]]]
    assigns_public_ips: bool

    def __init__(self, name: str, *, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the network."""
        super().__init__(name, opts=opts)
        self._name = name
        self._args = args
        vpc = self._declare_vpc()
        zones = [
            self._declare_zone(plan, vpc=vpc) for plan in plan_subnets(args.cidr, zones=args.zones, sites=args.sites)
        ]
        tables = self._declare_routes(vpc=vpc, zones=zones)
        self._declare_s3_endpoint(vpc=vpc, tables=tables)
        self.vpc_id = vpc.id
        self.assigns_public_ips = args.egress == "public-ip"
        self.node_subnet_ids = {
            site: [
                (zone.public if self.assigns_public_ips else zone.private).id
                for zone in zones
                if zone.plan.site == site
            ]
            for site in args.sites
        }
        self.register_declared_outputs()

    def _declare_vpc(self) -> ec2.Vpc:
        tags = self._args.stack.tags
        vpc = ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=str(self._args.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tags.for_resource("vpc", role="network"),
            opts=self.child_options(protect=self._args.protected),
        )
        # The default group of a VPC allows traffic between its members; emptied, it cannot be used by mistake.
        ec2.DefaultSecurityGroup(
            f"{self._name}-default",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=tags.for_resource("default-unused", role="network"),
            opts=self.child_options(),
        )
        return vpc

    def _declare_zone(self, plan: ZoneSubnets, *, vpc: ec2.Vpc) -> _ZoneResources:
        def declare_subnet(kind: str, network: IPv4Network) -> ec2.Subnet:
            return ec2.Subnet(
                f"{self._name}-{kind}-{plan.zone}",
                vpc_id=vpc.id,
                availability_zone=plan.zone,
                cidr_block=str(network),
                # An instance's own settings decide, so that none gets a public address by where it happens to run.
                map_public_ip_on_launch=False,
                tags=self._args.stack.tags.for_resource(f"{kind}-{plan.zone}", role="network", site=plan.site),
                opts=self.child_options(),
            )

        return _ZoneResources(
            plan=plan, private=declare_subnet("private", plan.private), public=declare_subnet("public", plan.public)
        )

    def _declare_routes(self, *, vpc: ec2.Vpc, zones: Sequence[_ZoneResources]) -> list[ec2.RouteTable]:
        gateway = ec2.InternetGateway(
            f"{self._name}-internet",
            vpc_id=vpc.id,
            tags=self._args.stack.tags.for_resource("internet", role="network"),
            opts=self.child_options(),
        )
        public = self._declare_route_table("public", vpc=vpc, subnets={zone.plan.zone: zone.public for zone in zones})
        to_internet = ec2.Route(
            f"{self._name}-public-internet",
            route_table_id=public.id,
            destination_cidr_block=ANY_IPV4,
            gateway_id=gateway.id,
            opts=self.child_options(),
        )
        private = self._declare_route_table(
            "private", vpc=vpc, subnets={zone.plan.zone: zone.private for zone in zones}
        )
        if self._args.egress == "nat":
            ec2.Route(
                f"{self._name}-private-nat",
                route_table_id=private.id,
                destination_cidr_block=ANY_IPV4,
                nat_gateway_id=self._declare_nat_gateway(zones[0].public, after=to_internet).id,
                opts=self.child_options(),
            )
        return [public, private]

    def _declare_route_table(self, kind: str, *, vpc: ec2.Vpc, subnets: Mapping[str, ec2.Subnet]) -> ec2.RouteTable:
        table = ec2.RouteTable(
            f"{self._name}-{kind}",
            vpc_id=vpc.id,
            tags=self._args.stack.tags.for_resource(f"{kind}-routes", role="network"),
            opts=self.child_options(),
        )
        for zone, subnet in subnets.items():
            ec2.RouteTableAssociation(
                f"{self._name}-{kind}-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=self.child_options()
            )
        return table

    def _declare_nat_gateway(self, subnet: ec2.Subnet, *, after: pulumi.Resource) -> ec2.NatGateway:
        tags = self._args.stack.tags.for_resource("nat", role="network")
        # Without a route to the internet gateway neither is of use.
        address = ec2.Eip(f"{self._name}-nat", domain="vpc", tags=tags, opts=self.child_options(depends_on=[after]))
        return ec2.NatGateway(
            f"{self._name}-nat",
            allocation_id=address.allocation_id,
            subnet_id=subnet.id,
            tags=tags,
            # The address is kept, and only one gateway can have it.
            opts=self.child_options(depends_on=[after], delete_before_replace=True),
        )

    def _declare_s3_endpoint(self, *, vpc: ec2.Vpc, tables: Sequence[ec2.RouteTable]) -> None:
        ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{self._args.stack.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags=self._args.stack.tags.for_resource("s3-endpoint", role="network"),
            opts=self.child_options(),
        )
