"""The network: zones, subnets, the way out, and who may reach whom."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, Any, get_args

import pytest

from infra.network.firewall import Firewall, FirewallArgs
from infra.network.network import Network, NetworkArgs
from infra.network.ports import ADMIN_PORTS, ALLOWED_TRAFFIC, SecurityGroupName
from infra.tags import Tags
from tests.unit.infra.conftest import known, run, secured_stack

if TYPE_CHECKING:
    from infra.network.egress import EgressMode
    from tests.unit.infra.conftest import Recorder

ZONES = ("us-west-2a", "us-west-2b", "us-west-2c")
TAGS = Tags(environment="test", owner="claudefs-team")


def network(egress: EgressMode = "nat") -> Recorder:
    def program() -> dict[str, Any]:
        made = Network(
            "network",
            args=NetworkArgs(
                cidr=IPv4Network("10.0.0.0/16"),
                zones=ZONES,
                sites={"A": ("us-west-2a", "us-west-2c"), "B": ("us-west-2b",)},
                egress=egress,
                protected=True,
                stack=secured_stack(TAGS),
            ),
        )
        return {"A": made.node_subnet_ids["A"], "B": made.node_subnet_ids["B"], "public": made.assigns_public_ips}

    return run(program)


def firewall(*admins: str) -> Recorder:
    return run(
        lambda: (
            Firewall(
                "firewall",
                args=FirewallArgs(
                    vpc_id=known("vpc-1"),
                    vpc_cidr=IPv4Network("10.0.0.0/16"),
                    admin_cidrs=[ip_network(cidr) for cidr in admins],
                    stack=secured_stack(TAGS),
                ),
            ).group_ids
        )
    )


def test_each_zone_has_a_private_and_a_public_subnet_of_its_site() -> None:
    subnets = {
        of.name: (of.inputs["availabilityZone"], of.inputs["cidrBlock"], of.tags["Site"])
        for of in network().of("Subnet")
    }

    assert subnets == {
        "network-private-us-west-2a": ("us-west-2a", "10.0.0.0/20", "A"),
        "network-private-us-west-2b": ("us-west-2b", "10.0.16.0/20", "B"),
        "network-private-us-west-2c": ("us-west-2c", "10.0.32.0/20", "A"),
        "network-public-us-west-2a": ("us-west-2a", "10.0.128.0/20", "A"),
        "network-public-us-west-2b": ("us-west-2b", "10.0.144.0/20", "B"),
        "network-public-us-west-2c": ("us-west-2c", "10.0.160.0/20", "A"),
    }


@pytest.mark.parametrize("egress, kind, public", [("nat", "private", False), ("public-ip", "public", True)])
def test_nodes_run_where_their_way_out_is(egress: EgressMode, kind: str, public: bool) -> None:  # noqa: FBT001 — a table
    assert network(egress).result == {
        "A": [f"subnet-network-{kind}-us-west-2a", f"subnet-network-{kind}-us-west-2c"],
        "B": [f"subnet-network-{kind}-us-west-2b"],
        "public": public,
    }


def test_private_subnets_go_out_through_the_one_nat_gateway_and_public_ones_directly() -> None:
    routes = {of.inputs["routeTableId"]: of.inputs for of in network().of("Route")}

    assert len(network().of("NatGateway")) == 1
    assert routes["route-table-network-private"]["natGatewayId"] == "nat-gateway-network-nat"
    assert routes["route-table-network-public"]["gatewayId"] == "internet-gateway-network-internet"
    associated = {of.inputs["subnetId"]: of.inputs["routeTableId"] for of in network().of("RouteTableAssociation")}
    assert all(f"-{subnet.split('-')[2]}" in table for subnet, table in associated.items())
    assert len(associated) == 6


def test_without_the_nat_gateway_private_subnets_lead_nowhere_and_nothing_is_paid_for() -> None:
    declared = network("public-ip")

    assert [of.inputs["routeTableId"] for of in declared.of("Route")] == ["route-table-network-public"]
    assert declared.of("NatGateway") == declared.of("Eip") == []


@pytest.mark.parametrize("egress", ["nat", "public-ip"])
def test_s3_is_reached_through_the_free_endpoint_from_every_subnet(egress: EgressMode) -> None:
    endpoint = network(egress).one("VpcEndpoint")

    assert endpoint.inputs["vpcEndpointType"] == "Gateway"
    assert endpoint.inputs["serviceName"] == "com.amazonaws.us-west-2.s3"
    assert sorted(endpoint.inputs["routeTableIds"]) == [
        "route-table-network-private",
        "route-table-network-public",
    ]


def test_the_vpc_is_protected_with_what_runs_in_it() -> None:
    assert [of.type for of in network().custom if of.protect] == ["aws:ec2/vpc:Vpc"]


def test_the_default_security_group_lets_nothing_in_or_out() -> None:
    inputs = network().one("DefaultSecurityGroup").inputs

    assert inputs["ingress"] == inputs["egress"] == []


def test_groups_name_each_other_at_exactly_the_ports_of_the_table() -> None:
    rules = {
        (
            of.inputs["securityGroupId"].removeprefix("security-group-firewall-"),
            of.inputs["referencedSecurityGroupId"].removeprefix("security-group-firewall-"),
            of.inputs["ipProtocol"],
            of.inputs["fromPort"],
            of.inputs["toPort"],
        )
        for of in firewall().of("SecurityGroupIngressRule")
    }

    assert rules == {(of.target, of.source, of.ports.protocol, of.ports.first, of.ports.last) for of in ALLOWED_TRAFFIC}


@pytest.mark.parametrize(
    "to, by, protocol, port",
    [
        ("storage", "storage", "tcp", 9400),
        ("storage", "storage", "tcp", 9410),
        ("storage", "storage", "udp", 9405),
        ("storage", "storage", "tcp", 5051),
        ("storage", "storage", "tcp", 5052),
        ("storage", "client", "tcp", 2049),
        ("storage", "client", "tcp", 20048),
        ("storage", "client", "tcp", 445),
        ("storage", "client", "tcp", 9000),
        ("storage", "client", "tcp", 9402),
        ("storage", "orchestrator", "tcp", 8443),
        ("storage", "orchestrator", "tcp", 9800),
        ("client", "orchestrator", "tcp", 9100),
    ],
)
def test_what_claudefs_needs_is_let_in(to: SecurityGroupName, by: SecurityGroupName, protocol: str, port: int) -> None:
    assert [
        of
        for of in ALLOWED_TRAFFIC
        if (of.target, of.source, of.ports.protocol) == (to, by, protocol) and of.ports.first <= port <= of.ports.last
    ]


@pytest.mark.parametrize(
    "to, by", [("client", "storage"), ("client", "client"), ("orchestrator", "storage"), ("orchestrator", "client")]
)
def test_what_nobody_needs_is_not_let_in(to: SecurityGroupName, by: SecurityGroupName) -> None:
    assert not [of for of in ALLOWED_TRAFFIC if (of.target, of.source) == (to, by)]


def test_every_group_gets_out_to_the_vpc_and_to_http_and_https_alone() -> None:
    rules = firewall().of("SecurityGroupEgressRule")

    assert set(get_args(SecurityGroupName)) == {"orchestrator", "storage", "client"}
    for kind in get_args(SecurityGroupName):
        out = {
            (of.inputs["cidrIpv4"], of.inputs["ipProtocol"], of.inputs.get("fromPort"), of.inputs.get("toPort"))
            for of in rules
            if of.inputs["securityGroupId"].endswith(f"-{kind}")
        }
        assert out == {
            ("10.0.0.0/16", "-1", None, None),
            ("0.0.0.0/0", "tcp", 443, 443),
            ("0.0.0.0/0", "tcp", 80, 80),
        }


def test_administrators_reach_the_orchestrators_services_and_nothing_else() -> None:
    added = [
        of.inputs
        for of in firewall("203.0.113.7/32", "2001:db8::/48").of("SecurityGroupIngressRule")
        if "referencedSecurityGroupId" not in of.inputs
    ]

    assert {of["securityGroupId"] for of in added} == {"security-group-firewall-orchestrator"}
    assert {(of.get("cidrIpv4"), of.get("cidrIpv6")) for of in added} == {
        ("203.0.113.7/32", None),
        (None, "2001:db8::/48"),
    }
    assert sorted({of["fromPort"] for of in added}) == sorted(ports.first for ports in ADMIN_PORTS)
