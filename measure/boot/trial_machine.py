"""A machine under test: its guest, its network, and what the account knows about it."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from infra.boot.nodes import NodeMachine, node_cloud_config
from infra.boot.orchestrator import OrchestratorMachine, orchestrator_cloud_config
from infra.boot.userdata import encode_user_data
from infra.cluster.node_commands import NODE_COMMANDS
from measure.boot.document_commands import render_command
from measure.boot.downloads import TRIAL_REGION, TRIAL_REPOSITORY
from measure.boot.expectations import await_state
from measure.boot.gateway import Gateway
from measure.boot.metadata import InstanceFacts, create_metadata
from measure.boot.namespaces import network_namespace
from measure.boot.trial_account import NODE_TYPE, ORCHESTRATOR_TYPE, TRIAL_BUCKET, TRIAL_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.boot.nodes import BootProfile
    from infra.cluster.node_commands import CommandName
    from infra.tags import Site
    from measure.boot.apt_cache import AptCache
    from measure.boot.downloads import Downloads
    from measure.boot.guest import Guest, GuestOutput, GuestSystem
    from measure.boot.trial_account import TrialAccount, TrialRelease

MachineProfile = Literal["storage", "client", "conduit", "jepsen", "orchestrator"]
_Seen = TypeVar("_Seen")
_GRACE_SECONDS = 30
"""How much longer than its document's time-out a command may take on a busy machine, in seconds."""


@dataclass(frozen=True, kw_only=True)
class TrialWorld:
    """What the machines of a run have in common.

    Attributes:
        folder: Folder of the run.
        system: The guests' system.
        downloads: Downloads.
        archive: Debian's archive.
        account: The emulated account.
        first: The release that the environment's pointer names.
        second: A later release.
        corrupt: A release whose archive is not the described one.
    """

    folder: Path
    system: GuestSystem
    downloads: Downloads
    archive: AptCache
    account: TrialAccount
    first: TrialRelease
    second: TrialRelease
    corrupt: TrialRelease


@dataclass(frozen=True, kw_only=True)
class TrialMachine:
    """A machine.

    Attributes:
        name: Its name; of a node, also the node group.
        profile: Boot profile.
        instance: Instance ID.
        world: What it has in common with the others.
        gateway: Its network.
        guest: The system that runs on it.
    """

    name: str
    profile: MachineProfile
    instance: str
    world: TrialWorld
    gateway: Gateway
    guest: Guest

    def run_program(self, command: str, *, seconds: float = 60) -> GuestOutput:
        """Run a shell command on the machine."""
        return self.guest.run_inside(command, seconds=seconds)

    def send_command(self, name: CommandName, **parameters: str) -> GuestOutput:
        """Run a command as its declared SSM document does."""
        command = render_command(NODE_COMMANDS[name].document_content(), parameters)
        return self.run_program(command, seconds=NODE_COMMANDS[name].timeout_seconds + _GRACE_SECONDS)

    def install_release(self, release: TrialRelease) -> GuestOutput:
        """Install a release as a roll-out does."""
        return self.send_command("install", ReleaseKey=release.key, Sha256=release.sha256)

    def read_tag(self, key: str) -> str:
        """Return a tag of the instance."""
        return self.world.account.read_tag(self.instance, key)

    def list_counts(self, metric: str) -> list[float]:
        """Return the values of a metric that this machine has put."""
        if self.profile == "orchestrator":
            return self.world.account.list_orchestrator_counts(metric)
        return self.world.account.list_counts(metric, group=self.name)

    def await_state(
        self, what: str, look: Callable[[], _Seen], is_wanted: Callable[[_Seen], bool], *, seconds: float
    ) -> _Seen:
        """Look until the wanted state is seen, and return it.

        Args:
            what: What is awaited.
            look: Returns the present state.
            is_wanted: Returns whether a state is the wanted one.
            seconds: Time limit on a container.

        Raises:
            Deviation: It was not seen in time.
        """
        return await_state(what, look, is_wanted, seconds=seconds, patience=self.guest.patience)

    def list_units(self) -> list[str]:
        """Return the ClaudeFS units of a node, in starting order."""
        return self.guest.read_file("etc/cfs/units.txt").split()

    def unit_state(self, unit: str) -> str:
        """Return a unit's state, such as `active`."""
        return self.run_program(f"systemctl is-active {unit}").text.strip()


@contextmanager
def open_machine(
    world: TrialWorld,
    *,
    name: str,
    profile: MachineProfile,
    site: Site | None,
    replacements: Sequence[tuple[str, str]],
) -> Iterator[TrialMachine]:
    """Launch an instance and prepare its machine, which is not started yet; at the end, remove the machine.

    Args:
        world: What it has in common with the others.
        name: Its name; of a node, also the node group.
        profile: Boot profile.
        site: Site of a storage node.
        replacements: Texts of its user data, and what replaces them.
    """
    if profile == "orchestrator":
        instance = world.account.launch_orchestrator()
        config = orchestrator_config()
    else:
        instance = world.account.launch_node(profile, group=name, site=site)
        config = node_config(profile, group=name, site=site)
    replaced = replace_texts(config, (*world.downloads.fingerprints.items(), *replacements))
    facts = InstanceFacts(
        instance=instance,
        instance_type=ORCHESTRATOR_TYPE if profile == "orchestrator" else NODE_TYPE,
        user_data=base64.b64decode(encode_user_data(replaced)),
        is_spot=profile == "storage",
        has_group=profile != "orchestrator",
    )
    gateway = Gateway(
        account_port=world.account.port,
        archive=world.archive,
        downloads=world.downloads.files,
        certificate=world.downloads.certificate,
        metadata=create_metadata(facts),
    )
    with ExitStack() as cleanup:
        namespace = cleanup.enter_context(network_namespace(f"{world.folder.name}-{name}"))
        cleanup.enter_context(gateway.serve_guest(namespace))
        guest = cleanup.enter_context(
            world.system.open_guest(
                world.folder / name, namespace=namespace, disks=2 if profile == "storage" else 0, facts=facts
            )
        )
        yield TrialMachine(name=name, profile=profile, instance=instance, world=world, gateway=gateway, guest=guest)


def node_config(profile: BootProfile, *, group: str, site: Site | None) -> str:
    """Return the cloud-config of a node of the trial environment."""
    return node_cloud_config(
        NodeMachine(
            profile=profile,
            environment=TRIAL_ENVIRONMENT,
            region=TRIAL_REGION,
            site=site,
            node_group=group,
            log_group=f"/cfs/{TRIAL_ENVIRONMENT}/nodes",
            artifact_bucket=TRIAL_BUCKET,
            repository=TRIAL_REPOSITORY,
        )
    )


def orchestrator_config() -> str:
    """Return the cloud-config of the trial environment's orchestrator."""
    return orchestrator_cloud_config(
        OrchestratorMachine(
            environment=TRIAL_ENVIRONMENT,
            region=TRIAL_REGION,
            log_group=f"/cfs/{TRIAL_ENVIRONMENT}/orchestrator",
            repository=TRIAL_REPOSITORY,
        )
    )


def replace_texts(config: str, replacements: Sequence[tuple[str, str]]) -> str:
    """Return a cloud-config with texts of its files replaced; it may lack some of them."""
    for old, new in replacements:
        # Files are JSON strings there.
        config = config.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
    return config
