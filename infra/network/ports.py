"""Allowed connections between groups, by port. Data only; everything else is refused.

SSH is not here: shells come through Session Manager, which needs no incoming port.
Source of the numbers: ClaudeFS's crates and its documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.texts import SECURITY_GROUP_DESCRIPTION, check_text

SecurityGroupName = Literal["orchestrator", "storage", "client"]
"""A security group. The cloud conduit is in `storage`, the Jepsen controller in `client`."""

IpProtocol = Literal["tcp", "udp"]


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Ports that belong to one service.

    Attributes:
        service: What listens, in words that fit a name.
        protocol: Of the transport layer.
        first: The first port.
        last: The last port.

    Raises:
        InvalidTextError: EC2 would refuse the service in a description.
    """

    service: str
    protocol: IpProtocol
    first: int
    last: int

    def __post_init__(self) -> None:
        """Refuse what EC2 would refuse."""
        check_text(SECURITY_GROUP_DESCRIPTION, self.service)


def _tcp_ports(service: str, first: int, last: int | None = None) -> Ports:
    return Ports(service=service, protocol="tcp", first=first, last=last or first)


RPC_PORTS = _tcp_ports("rpc", 9400, 9410)
GOSSIP_PORTS = Ports(service="gossip", protocol="udp", first=9400, last=9410)
REPLICATION_PORTS = _tcp_ports("replication", 5051, 5052)
METRICS_PORTS = _tcp_ports("metrics", 9800)
NODE_METRICS_PORTS = _tcp_ports("node-metrics", 9100)
MANAGEMENT_PORTS = _tcp_ports("management", 8443)
NFS_PORTS = _tcp_ports("nfs", 2049)
MOUNTD_PORTS = _tcp_ports("mountd", 20048)
SMB_PORTS = _tcp_ports("smb", 445)
S3_GATEWAY_PORTS = _tcp_ports("s3-gateway", 9000)
PROMETHEUS_PORTS = _tcp_ports("prometheus", 9090)
ALERTMANAGER_PORTS = _tcp_ports("alertmanager", 9093)
GRAFANA_PORTS = _tcp_ports("grafana", 3000)


@dataclass(frozen=True, kw_only=True)
class AllowedTraffic:
    """A service of one group that another group may reach.

    Attributes:
        target: The group that listens.
        source: The group that calls.
        ports: Where.
        reason: What for, as the rule's description.

    Raises:
        InvalidTextError: EC2 would refuse the description.
    """

    target: SecurityGroupName
    source: SecurityGroupName
    ports: Ports
    reason: str

    def __post_init__(self) -> None:
        """Refuse what EC2 would refuse."""
        check_text(SECURITY_GROUP_DESCRIPTION, self.reason)


ALLOWED_TRAFFIC = (
    AllowedTraffic(target="storage", source="storage", ports=RPC_PORTS, reason="RPC of the cluster"),
    AllowedTraffic(target="storage", source="storage", ports=GOSSIP_PORTS, reason="SWIM gossip of the cluster"),
    AllowedTraffic(
        target="storage",
        source="storage",
        ports=REPLICATION_PORTS,
        reason="replication between the sites and the conduit",
    ),
    AllowedTraffic(target="storage", source="client", ports=RPC_PORTS, reason="RPC of FUSE clients"),
    AllowedTraffic(target="storage", source="client", ports=NFS_PORTS, reason="NFS"),
    AllowedTraffic(target="storage", source="client", ports=MOUNTD_PORTS, reason="mount requests of NFSv3"),
    AllowedTraffic(target="storage", source="client", ports=SMB_PORTS, reason="SMB"),
    AllowedTraffic(target="storage", source="client", ports=S3_GATEWAY_PORTS, reason="the S3 gateway"),
    AllowedTraffic(
        target="storage", source="orchestrator", ports=RPC_PORTS, reason="cluster tests from the orchestrator"
    ),
    AllowedTraffic(
        target="storage",
        source="orchestrator",
        ports=MANAGEMENT_PORTS,
        reason="the management API, probed after a deployment",
    ),
    AllowedTraffic(
        target="storage", source="orchestrator", ports=METRICS_PORTS, reason="Prometheus reads the metrics of ClaudeFS"
    ),
    AllowedTraffic(
        target="storage",
        source="orchestrator",
        ports=NODE_METRICS_PORTS,
        reason="Prometheus reads the metrics of the machines",
    ),
    AllowedTraffic(
        target="client", source="orchestrator", ports=METRICS_PORTS, reason="Prometheus reads the metrics of ClaudeFS"
    ),
    AllowedTraffic(
        target="client",
        source="orchestrator",
        ports=NODE_METRICS_PORTS,
        reason="Prometheus reads the metrics of the machines",
    ),
)
"""Connections between groups. Prometheus, Alertmanager and Grafana run on the orchestrator."""

ADMIN_PORTS = (MANAGEMENT_PORTS, GRAFANA_PORTS, PROMETHEUS_PORTS, ALERTMANAGER_PORTS)
"""Connections from administrators' networks to the orchestrator."""

INTERNET_PORTS = (_tcp_ports("https", 443), _tcp_ports("http", 80))
"""Outbound access of every node: HTTPS for git, cargo, GitHub and AWS, and HTTP for Ubuntu's package mirrors, whose
packages are signed. Name resolution and time come from the VPC itself, where security groups do not filter them:
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html"""
