"""Who may reach whom at which port. Data only; whatever is not here is refused.

SSH is not here: shells come through Session Manager, which needs no incoming port.
Source of the numbers: ClaudeFS's crates and its documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.texts import SECURITY_GROUP_DESCRIPTION, check_text

Group = Literal["orchestrator", "storage", "client"]
"""A security group. The cloud conduit is in `storage`, the Jepsen controller in `client`."""

Protocol = Literal["tcp", "udp"]


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
    protocol: Protocol
    first: int
    last: int

    def __post_init__(self) -> None:
        """Refuse what EC2 would refuse."""
        check_text(SECURITY_GROUP_DESCRIPTION, self.service)


def _tcp(service: str, first: int, last: int | None = None) -> Ports:
    return Ports(service=service, protocol="tcp", first=first, last=last or first)


RPC = _tcp("rpc", 9400, 9410)
GOSSIP = Ports(service="gossip", protocol="udp", first=9400, last=9410)
REPLICATION = _tcp("replication", 5051, 5052)
METRICS = _tcp("metrics", 9800)
NODE_METRICS = _tcp("node-metrics", 9100)
MANAGEMENT = _tcp("management", 8443)
NFS = _tcp("nfs", 2049)
MOUNTD = _tcp("mountd", 20048)
SMB = _tcp("smb", 445)
S3_GATEWAY = _tcp("s3-gateway", 9000)
PROMETHEUS = _tcp("prometheus", 9090)
ALERTMANAGER = _tcp("alertmanager", 9093)
GRAFANA = _tcp("grafana", 3000)


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """A service of one group that another group may reach.

    Attributes:
        to: The group that listens.
        by: The group that calls.
        ports: Where.
        why: What for, as the rule's description.

    Raises:
        InvalidTextError: EC2 would refuse the description.
    """

    to: Group
    by: Group
    ports: Ports
    why: str

    def __post_init__(self) -> None:
        """Refuse what EC2 would refuse."""
        check_text(SECURITY_GROUP_DESCRIPTION, self.why)


BETWEEN_GROUPS = (
    Allowed(to="storage", by="storage", ports=RPC, why="RPC of the cluster"),
    Allowed(to="storage", by="storage", ports=GOSSIP, why="SWIM gossip of the cluster"),
    Allowed(to="storage", by="storage", ports=REPLICATION, why="replication between the sites and the conduit"),
    Allowed(to="storage", by="client", ports=RPC, why="RPC of FUSE clients"),
    Allowed(to="storage", by="client", ports=NFS, why="NFS"),
    Allowed(to="storage", by="client", ports=MOUNTD, why="mount requests of NFSv3"),
    Allowed(to="storage", by="client", ports=SMB, why="SMB"),
    Allowed(to="storage", by="client", ports=S3_GATEWAY, why="the S3 gateway"),
    Allowed(to="storage", by="orchestrator", ports=RPC, why="cluster tests from the orchestrator"),
    Allowed(to="storage", by="orchestrator", ports=MANAGEMENT, why="the management API, probed after a deployment"),
    Allowed(to="storage", by="orchestrator", ports=METRICS, why="Prometheus reads the metrics of ClaudeFS"),
    Allowed(to="storage", by="orchestrator", ports=NODE_METRICS, why="Prometheus reads the metrics of the machines"),
    Allowed(to="client", by="orchestrator", ports=METRICS, why="Prometheus reads the metrics of ClaudeFS"),
    Allowed(to="client", by="orchestrator", ports=NODE_METRICS, why="Prometheus reads the metrics of the machines"),
)
"""What the groups may reach of each other. Prometheus, Alertmanager and Grafana run on the orchestrator."""

FOR_ADMINS = (MANAGEMENT, GRAFANA, PROMETHEUS, ALERTMANAGER)
"""What the networks of administrators may reach of the orchestrator."""

TO_THE_INTERNET = (_tcp("https", 443), _tcp("http", 80))
"""What every node may reach outside: HTTPS for git, cargo, GitHub and AWS, and HTTP for Ubuntu's package mirrors, whose
packages are signed. Name resolution and time come from the VPC itself, where security groups do not filter them:
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html"""
