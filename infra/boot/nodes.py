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
"""Launch hook that a node completes itself: with CONTINUE when it is ready, or ABANDON if its boot has failed."""

BootProfile = Literal["storage", "client", "conduit", "jepsen"]
"""Boot profile of a node: its packages, kernel settings, disks and units."""

SIGNER_WORKFLOW = ".github/workflows/release-build.yml"
"""Workflow of ClaudeFS's repository that builds and attests releases. Nodes install only this workflow's releases."""

_HAVE_SITES: tuple[BootProfile, ...] = ("storage",)


@dataclass(frozen=True, kw_only=True)
class NodeMachine:
    """Facts of the stack that a booting node needs. None is secret.

    Attributes:
        profile: Boot profile of the node.
        environment: The stack's name.
        region: AWS region.
        site: ClaudeFS site of the node, or None. Storage nodes need one.
        node_group: Node group, such as `storage-a`; the Auto Scaling group is `claudefs-<environment>-<group>`.
        log_group: Log group for the CloudWatch agent.
        artifact_bucket: Name of the bucket that the node installs releases from.
        repository: GitHub repository that builds the releases, as `owner/name`.
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
"""Files on a node's disk, by boot profile."""


def node_user_data(machine: NodeMachine) -> str:
    """Return a node's user data in base64.

    Raises:
        BootError: A storage node has no site, a value is not safe in a shell, or the user data is too long.
    """
    return userdata.encode_user_data(node_cloud_config(machine))


def node_cloud_config(machine: NodeMachine) -> str:
    """Return a node's cloud-config.

    Raises:
        BootError: A storage node has no site, or a value is not safe in a shell.
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
        **userdata.AWS_CLI_VARIABLES,
    }
    return userdata.render_cloud_config(NODE_CLOUD_CONFIG, files=NODE_FILES[machine.profile], variables=variables)
