"""The parts of the network that machines need: subnets, security groups, and dependencies of the launch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from infra.network.firewall import Firewall
    from infra.network.network import Network
    from infra.network.ports import SecurityGroupName
    from infra.tags import Site


@dataclass(frozen=True, kw_only=True)
class NodeNetwork:
    """Network of machines.

    Attributes:
        subnet_ids: IDs of the machines' subnets, by site.
        security_group_ids: IDs of the security groups, by kind of machine.
        assigns_public_ips: Whether machines get public addresses, as with egress `public-ip`.
        way_out: Resources that must exist before a machine is launched, so that it can reach the internet: its first
            boot installs packages, and creating a NAT gateway takes minutes.
    """

    subnet_ids: Mapping[Site, Sequence[pulumi.Output[str]]]
    security_group_ids: Mapping[SecurityGroupName, pulumi.Output[str]]
    assigns_public_ips: bool
    way_out: Sequence[pulumi.Resource]

    @classmethod
    def through(cls, network: Network, firewall: Firewall) -> NodeNetwork:
        """Return the view of a network and a firewall that machines need."""
        return cls(
            subnet_ids=network.node_subnet_ids,
            security_group_ids=firewall.group_ids,
            assigns_public_ips=network.assigns_public_ips,
            way_out=[network, firewall],
        )
