"""The network of the machines: a VPC in three zones, with one kind of egress."""

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
        cidr: IPv4 network of the VPC.
        zones: Availability zones; the first contains the NAT gateway, if there is one.
        sites: Zones of each site.
        egress: Route of nodes to the internet.
        protected: Whether Pulumi refuses to delete or replace the VPC. The orchestrator has the same protection, so a
            change that would replace both is refused before any resource of the network is changed.
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
    """A VPC with a private and a public subnet in each of three zones; each zone belongs to one site.

    With egress `nat`, nodes run in private subnets behind one NAT gateway. A gateway in each zone would survive the
    loss of a zone, but costs $1.20 a day, and the nodes' work can be repeated. With `public-ip`, nodes run in public
    subnets, each with a public address. In both modes S3 is reached through a gateway endpoint, which is free.

    Attributes:
        vpc_id: ID of the VPC.
        node_subnet_ids: IDs of the nodes' subnets by site, in the order of the site's zones.
        assigns_public_ips: Whether nodes get public IPv4 addresses, which are then their only route to the internet.
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
        # A VPC's default group allows traffic between its members; without rules it is harmless if used by mistake.
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
                # Only the instance's settings assign public addresses, never the subnet.
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
        # Both are useless without a route to the internet gateway.
        address = ec2.Eip(f"{self._name}-nat", domain="vpc", tags=tags, opts=self.child_options(depends_on=[after]))
        return ec2.NatGateway(
            f"{self._name}-nat",
            allocation_id=address.allocation_id,
            subnet_id=subnet.id,
            tags=tags,
            # A replacement gateway uses the same address, which only one gateway can have.
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
