"""Allowed connections between security groups, by port; all others are refused.

SSH is not allowed: shells use Session Manager, which needs no open port.
Source of the port numbers: ClaudeFS's crates and documents.
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
    """Ports of one service.

    Attributes:
        service: Name of the service, which becomes part of resource names.
        protocol: Transport protocol.
        first: First port.
        last: Last port.

    Raises:
        InvalidTextError: The service is not valid in a description of a security group's rule.
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
        target: Security group of the service.
        source: Security group of the clients.
        ports: Ports of the service.
        reason: Description of the rule.

    Raises:
        InvalidTextError: The description is not valid for EC2.
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
"""Outbound access of every machine: HTTPS for git, cargo, GitHub and AWS, and HTTP for Ubuntu's package mirrors, whose
packages are signed. The VPC itself provides DNS and time, which security groups do not filter:
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html"""
