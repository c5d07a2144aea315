"""Security groups of the machines, built from the table of ports."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 — Pulumi reads the annotations of components at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import pulumi  # noqa: TC002 — Pulumi reads the annotations when the program runs
from pulumi_aws import ec2, vpc

from infra.component import Component
from infra.network.network import ANY_IPV4
from infra.network.ports import ADMIN_PORTS, ALLOWED_TRAFFIC, INTERNET_PORTS, AllowedTraffic, Ports, SecurityGroupName
from infra.texts import SECURITY_GROUP_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from infra.stack_context import StackContext

_GROUP_DESCRIPTIONS: Mapping[SecurityGroupName, str] = {
    "orchestrator": "The orchestrator; shells come through Session Manager",
    "storage": "Storage nodes and the cloud conduit; shells come through Session Manager",
    "client": "FUSE, NFS and SMB clients and the Jepsen controller; shells come through Session Manager",
}


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """Inputs of the security groups.

    Attributes:
        stack: The stack.
        vpc_id: ID of the VPC.
        vpc_cidr: IPv4 network of the VPC.
        admin_cidrs: External networks that may reach the services for administrators.
    """

    stack: StackContext
    vpc_id: pulumi.Output[str]
    vpc_cidr: IPv4Network
    admin_cidrs: Sequence[IPv4Network | IPv6Network]


class Firewall(Component):
    """One security group for each kind of machine; ingress rules refer to groups, not to addresses.

    Egress is allowed to the whole VPC, where the receiver's group decides, and to the internet for HTTP and HTTPS.

    Attributes:
        group_ids: IDs of the groups, by kind of machine.
    """

    group_ids: Mapping[SecurityGroupName, pulumi.Output[str]]

    def __init__(self, name: str, *, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the security groups."""
        super().__init__(name, opts=opts)
        self._name = name
        self._tags = args.stack.tags
        self.group_ids = {
            kind: self._declare_security_group(kind, vpc_id=args.vpc_id).id for kind in get_args(SecurityGroupName)
        }
        for allowed in ALLOWED_TRAFFIC:
            self._allow_ingress(allowed)
        for network in args.admin_cidrs:
            for ports in ADMIN_PORTS:
                self._allow_admin_ingress(network, ports)
        for kind in get_args(SecurityGroupName):
            self._allow_egress(kind, vpc_cidr=args.vpc_cidr)
        self.register_declared_outputs()

    def _declare_security_group(self, kind: SecurityGroupName, *, vpc_id: pulumi.Output[str]) -> ec2.SecurityGroup:
        # Pulumi generates the name, since a group in use can only be replaced if the new one has another name.
        return ec2.SecurityGroup(
            f"{self._name}-{kind}",
            vpc_id=vpc_id,
            description=check_text(SECURITY_GROUP_DESCRIPTION, _GROUP_DESCRIPTIONS[kind]),
            tags=self._tags.for_resource(kind, role="network"),
            opts=self.child_options(),
        )

    def _allow_ingress(self, allowed: AllowedTraffic) -> None:
        rule = f"{allowed.target}-{allowed.ports.service}-by-{allowed.source}"
        vpc.SecurityGroupIngressRule(
            f"{self._name}-{rule}",
            security_group_id=self.group_ids[allowed.target],
            referenced_security_group_id=self.group_ids[allowed.source],
            ip_protocol=allowed.ports.protocol,
            from_port=allowed.ports.first,
            to_port=allowed.ports.last,
            description=allowed.reason,
            tags=self._tags.for_resource(rule, role="network"),
            opts=self.child_options(),
        )

    def _allow_admin_ingress(self, network: IPv4Network | IPv6Network, ports: Ports) -> None:
        rule = f"orchestrator-{ports.service}-by-{str(network).replace('/', '_')}"
        vpc.SecurityGroupIngressRule(
            f"{self._name}-{rule}",
            security_group_id=self.group_ids["orchestrator"],
            cidr_ipv4=str(network) if network.version == 4 else None,  # noqa: PLR2004 — IPv4
            cidr_ipv6=str(network) if network.version == 6 else None,  # noqa: PLR2004 — IPv6
            ip_protocol=ports.protocol,
            from_port=ports.first,
            to_port=ports.last,
            description=f"{ports.service} for administrators",
            tags=self._tags.for_resource(rule, role="network"),
            opts=self.child_options(),
        )

    def _allow_egress(self, kind: SecurityGroupName, *, vpc_cidr: IPv4Network) -> None:
        def declare_egress_rule(to: str, *, cidr: str, protocol: str, port: int | None) -> None:
            vpc.SecurityGroupEgressRule(
                f"{self._name}-{kind}-to-{to}",
                security_group_id=self.group_ids[kind],
                cidr_ipv4=cidr,
                ip_protocol=protocol,
                from_port=port,
                to_port=port,
                description=f"to {to}",
                tags=self._tags.for_resource(f"{kind}-to-{to}", role="network"),
                opts=self.child_options(),
            )

        declare_egress_rule("vpc", cidr=str(vpc_cidr), protocol="-1", port=None)
        for ports in INTERNET_PORTS:
            declare_egress_rule(ports.service, cidr=ANY_IPV4, protocol=ports.protocol, port=ports.first)
