"""The nodes' user data: storage nodes, clients, the cloud conduit, and the Jepsen controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infra.boot import userdata
from infra.boot.userdata import BootError, Placed, library, program, unit
from infra.cluster.lifecycle import BOOT_HOOK
from infra.tags import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.tags import Site

Profile = Literal["storage", "client", "conduit", "jepsen"]
"""What a node is made for: its packages, kernel settings, disks and units."""

SIGNER_WORKFLOW = ".github/workflows/release-build.yml"
"""The workflow of ClaudeFS's repository that builds releases and attests them. Nodes take no release from another."""

_HAVE_SITES: tuple[Profile, ...] = ("storage",)


@dataclass(frozen=True, kw_only=True)
class NodeMachine:
    """What a node must know of its stack when it boots. None of it is secret.

    Attributes:
        profile: What it is made for.
        environment: The stack's name.
        region: The AWS region.
        site: The ClaudeFS site that it belongs to; None where it belongs to none. A storage node has one.
        node_group: Its node group, such as `storage-a`; its Auto Scaling group is `claudefs-<environment>-<group>`.
        log_group: Where the CloudWatch agent ships its logs to.
        artifact_bucket: Name of the bucket that it installs releases from.
        repository: The repository that releases are built in, `owner/name` on GitHub.
    """

    profile: Profile
    environment: str
    region: str
    site: Site | None
    node_group: str
    log_group: str
    artifact_bucket: str
    repository: str


FRAME = "node/cloud-config.yaml"

_EVERY_NODE = (
    library("shared/boot.sh"),
    library("node/node.sh"),
    program("node/prepare.sh"),
    program("node/install-release.sh"),
    program("node/probe.sh"),
    program("node/drain.sh"),
    program("node/peers.sh"),
    program("node/spot-watch.sh"),
    program("node/report.sh"),
    unit("node/claudefs-spot-watch.service"),
    unit("node/claudefs-failed@.service"),
    Placed(source="node/packages.txt", path="/etc/cfs/packages.txt"),
    Placed(source="node/cloudwatch-agent.json", path="/etc/cfs/cloudwatch-agent.json"),
    Placed(source="node/github-cli.sources", path="/etc/cfs/github-cli.sources"),
    Placed(source="node/github-cli.pref", path="/etc/apt/preferences.d/github-cli"),
    Placed(source="node/limits.conf", path="/etc/security/limits.d/99-cfs.conf"),
    Placed(source="node/logrotate.conf", path="/etc/logrotate.d/claudefs"),
)

_PACKAGES = "/etc/cfs/packages-profile.txt"
_DAEMONS = "/etc/cfs/units.txt"
_FOLDERS = "/etc/tmpfiles.d/claudefs.conf"
_HARDENING = Placed(source="node/hardening.conf", path=f"{userdata.UNITS}/cfs-.service.d/hardening.conf")
_REPLICATION = (
    program("node/find-sites.sh"),
    unit("node/cfs-repl.service"),
    unit("node/claudefs-sites.service"),
    unit("node/claudefs-sites.timer"),
)


def _own(profile: Profile, *, sysctl: str) -> tuple[Placed, ...]:
    return (
        Placed(source=f"{profile}/packages.txt", path=_PACKAGES),
        Placed(source=f"{profile}/units.txt", path=_DAEMONS),
        Placed(source=f"{profile}/folders.conf", path=_FOLDERS),
        Placed(source=f"{sysctl}/sysctl.conf", path=f"/etc/sysctl.d/99-cfs-{sysctl}.conf"),
    )


FILES: Mapping[Profile, tuple[Placed, ...]] = {
    "storage": (
        *_EVERY_NODE,
        *_own("storage", sysctl="storage"),
        *_REPLICATION,
        _HARDENING,
        program("storage/disks.sh"),
        program("storage/mgmt-config.sh"),
        unit("storage/claudefs-disks.service"),
        unit("storage/cfs-mgmt.service"),
        unit("storage/cfs-meta.service"),
        unit("storage/cfs-gateway.service"),
    ),
    "client": (*_EVERY_NODE, *_own("client", sysctl="client"), unit("client/cfs-fuse.service")),
    "conduit": (*_EVERY_NODE, *_own("conduit", sysctl="storage"), *_REPLICATION, _HARDENING),
    "jepsen": (*_EVERY_NODE, *_own("jepsen", sysctl="client")),
}
"""What is written to a node's disk."""


def user_data(machine: NodeMachine) -> str:
    """Give a node's user data as EC2 takes it, in base64.

    Raises:
        BootError: A storage node has no site, a value cannot stand in a file that a shell reads, or all together is
            too long.
    """
    return userdata.encoded(cloud_config(machine))


def cloud_config(machine: NodeMachine) -> str:
    """Give a node's cloud-config.

    Raises:
        BootError: A storage node has no site, or a value cannot stand in a file that a shell reads.
    """
    if machine.site is None and machine.profile in _HAVE_SITES:
        raise BootError(f"site: a {machine.profile} node belongs to site A or B")
    variables = {
        "CFS_ENVIRONMENT": machine.environment,
        "CFS_PROFILE": machine.profile,
        **({} if machine.site is None else {"CFS_SITE": machine.site}),
        "CFS_NODE_GROUP": machine.node_group,
        "CFS_SCALING_GROUP": f"{PROJECT}-{machine.environment}-{machine.node_group}",
        "CFS_LIFECYCLE_HOOK": BOOT_HOOK,
        "CFS_LOG_GROUP": machine.log_group,
        "CFS_ARTIFACTS": machine.artifact_bucket,
        "CFS_REPOSITORY": machine.repository,
        "CFS_SIGNER_WORKFLOW": SIGNER_WORKFLOW,
        "AWS_REGION": machine.region,
        "AWS_DEFAULT_REGION": machine.region,
        # Bounded retries of every call, with growing pauses:
        # https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-retries.html
        "AWS_RETRY_MODE": "standard",
        "AWS_MAX_ATTEMPTS": "5",
    }
    return userdata.cloud_config(FRAME, files=FILES[machine.profile], variables=variables)
