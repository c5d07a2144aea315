"""The spot test cluster: its nodes' commands, what happens to interrupted nodes, and its node groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.cluster.cluster import Cluster, ClusterArgs
from infra.cluster.interruptions import Interruptions, InterruptionsArgs
from infra.cluster.node_commands import NodeCommands, NodeCommandsArgs

if TYPE_CHECKING:
    from infra.access.identity import Identity
    from infra.config.settings import Settings
    from infra.network.node_network import NodeNetwork
    from infra.stack_context import SecuredStack
    from infra.storage.storage import Storage


@dataclass(frozen=True, kw_only=True)
class DeclaredCluster:
    """Components of the test cluster.

    Attributes:
        interruptions: Drains interrupted nodes, and logs events.
        cluster: The node groups.
    """

    interruptions: Interruptions
    cluster: Cluster


def declare_test_cluster(
    settings: Settings,
    *,
    stack: SecuredStack,
    network: NodeNetwork,
    identity: Identity,
    storage: Storage,
) -> DeclaredCluster:
    """Declare the test cluster.

    Args:
        settings: The stack's settings.
        stack: The stack.
        network: Subnets and security groups of the nodes.
        identity: The nodes' instance profile.
        storage: The bucket with releases.
    """
    groups = settings.all_node_groups
    commands = NodeCommands("node-commands", args=NodeCommandsArgs(stack=stack))
    interruptions = Interruptions(
        "interruptions", args=InterruptionsArgs(stack=stack, groups=groups, commands=commands)
    )
    cluster = Cluster(
        "cluster",
        args=ClusterArgs(
            stack=stack,
            groups=groups,
            image_parameter=settings.node_image_parameter,
            network=network,
            instance_profile=identity.node_profile,
            artifact_bucket=storage.artifact_bucket,
            repository=settings.full_repository,
            calendar=settings.node_calendar,
            now=datetime.now(UTC),
        ),
    )
    return DeclaredCluster(interruptions=interruptions, cluster=cluster)
