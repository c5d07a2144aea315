"""The network as machines use it: where they run, what they may receive, and what they wait for."""

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
        subnet_ids: The subnets that machines of each site run in.
        security_group_ids: The security groups by kind of machine.
        assigns_public_ips: Whether machines get public addresses: only where that is their way out.
        way_out: What must exist before a machine is launched: all that it needs to reach the internet. Its first boot
            installs packages, and a NAT gateway takes minutes to be created.
    """

    subnet_ids: Mapping[Site, Sequence[pulumi.Output[str]]]
    security_group_ids: Mapping[SecurityGroupName, pulumi.Output[str]]
    assigns_public_ips: bool
    way_out: Sequence[pulumi.Resource]

    @classmethod
    def through(cls, network: Network, firewall: Firewall) -> NodeNetwork:
        """Return where machines run in a network, behind a firewall."""
        return cls(
            subnet_ids=network.node_subnet_ids,
            security_group_ids=firewall.group_ids,
            assigns_public_ips=network.assigns_public_ips,
            way_out=[network, firewall],
        )
