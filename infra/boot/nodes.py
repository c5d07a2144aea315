"""The nodes' user data: storage nodes, clients, the cloud conduit, and the Jepsen controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infra.boot import userdata
from infra.boot.userdata import BootError, BootFile, place_library, place_program, place_unit
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.tags import Site

BOOT_HOOK = "boot"
"""A launched node completes this hook itself, by CONTINUE when it is ready or by ABANDON when its boot has failed."""

BootProfile = Literal["storage", "client", "conduit", "jepsen"]
"""Boot profile of a node: its packages, kernel settings, disks and units."""

SIGNER_WORKFLOW = ".github/workflows/release-build.yml"
"""The workflow of ClaudeFS's repository that builds releases and attests them. Nodes take no release from another."""

_HAVE_SITES: tuple[BootProfile, ...] = ("storage",)


@dataclass(frozen=True, kw_only=True)
class NodeMachine:
    """Facts of the stack that a booting node needs. None is secret.

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

    profile: BootProfile
    environment: str
    region: str
    site: Site | None
    node_group: str
    log_group: str
    artifact_bucket: str
    repository: str


NODE_CLOUD_CONFIG = "node/cloud-config.yaml"

_EVERY_NODE = (
    place_library("shared/boot.sh"),
    place_library("node/node.sh"),
    place_program("node/prepare.sh"),
    place_program("node/install-release.sh"),
    place_program("node/probe.sh"),
    place_program("node/drain.sh"),
    place_program("node/peers.sh"),
    place_program("node/spot-watch.sh"),
    place_program("node/report.sh"),
    place_program("node/report-boot.sh"),
    place_unit("node/claudefs-spot-watch.service"),
    place_unit("node/claudefs-boot-report.service"),
    BootFile(source="node/packages.txt", path="/etc/cfs/packages.txt"),
    BootFile(source="node/cloudwatch-agent.json", path="/etc/cfs/cloudwatch-agent.json"),
    BootFile(source="node/github-cli.sources", path="/etc/cfs/github-cli.sources"),
    BootFile(source="node/github-cli.pref", path="/etc/apt/preferences.d/github-cli"),
    BootFile(source="node/limits.conf", path="/etc/security/limits.d/99-cfs.conf"),
    BootFile(source="node/logrotate.conf", path="/etc/logrotate.d/claudefs"),
)

_PACKAGES_PATH = "/etc/cfs/packages-profile.txt"
_UNITS_PATH = "/etc/cfs/units.txt"
_FOLDERS_PATH = "/etc/tmpfiles.d/claudefs.conf"
_HARDENING = BootFile(source="node/hardening.conf", path=f"{userdata.UNIT_FOLDER}/cfs-.service.d/hardening.conf")
_REPLICATION = (
    place_program("node/find-sites.sh"),
    place_unit("node/cfs-repl.service"),
    place_unit("node/claudefs-sites.service"),
    place_unit("node/claudefs-sites.timer"),
)


def _profile_files(profile: BootProfile, *, sysctl: str) -> tuple[BootFile, ...]:
    return (
        BootFile(source=f"{profile}/packages.txt", path=_PACKAGES_PATH),
        BootFile(source=f"{profile}/units.txt", path=_UNITS_PATH),
        BootFile(source=f"{profile}/folders.conf", path=_FOLDERS_PATH),
        BootFile(source=f"{sysctl}/sysctl.conf", path=f"/etc/sysctl.d/99-cfs-{sysctl}.conf"),
    )


NODE_FILES: Mapping[BootProfile, tuple[BootFile, ...]] = {
    "storage": (
        *_EVERY_NODE,
        *_profile_files("storage", sysctl="storage"),
        *_REPLICATION,
        _HARDENING,
        place_program("storage/disks.sh"),
        place_program("storage/mgmt-config.sh"),
        place_unit("storage/claudefs-disks.service"),
        place_unit("storage/cfs-mgmt.service"),
        place_unit("storage/cfs-meta.service"),
        place_unit("storage/cfs-gateway.service"),
    ),
    "client": (*_EVERY_NODE, *_profile_files("client", sysctl="client"), place_unit("client/cfs-fuse.service")),
    "conduit": (*_EVERY_NODE, *_profile_files("conduit", sysctl="storage"), *_REPLICATION, _HARDENING),
    "jepsen": (*_EVERY_NODE, *_profile_files("jepsen", sysctl="client")),
}
"""Files on a node's disk."""


def node_user_data(machine: NodeMachine) -> str:
    """Return a node's user data as EC2 takes it, in base64.

    Raises:
        BootError: A storage node has no site, a value cannot stand in a file that a shell reads, or all together is
            too long.
    """
    return userdata.encode_user_data(node_cloud_config(machine))


def node_cloud_config(machine: NodeMachine) -> str:
    """Return a node's cloud-config.

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
        "CFS_SCALING_GROUP": f"{PROJECT_NAME}-{machine.environment}-{machine.node_group}",
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
    return userdata.render_cloud_config(NODE_CLOUD_CONFIG, files=NODE_FILES[machine.profile], variables=variables)
