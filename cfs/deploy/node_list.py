"""Nodes of an environment, from EC2 and their tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cfs.aws import AwsAccount

READY_BOOT_STATE = "ready"
"""Value of the tag `BootState` of a node that has booted successfully."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A pending or running instance of one of the environment's node groups.

    Attributes:
        id: Instance ID.
        role: Tag `Role`: `storage` or the kind of client.
        site: Tag `Site`, or "".
        is_ready: Whether it runs and has booted.
        version: Tag `Version`, which the node sets after each installation, or "".
        boot_state: Tag `BootState`.
    """

    id: str
    role: str
    site: str
    is_ready: bool
    version: str = ""
    boot_state: str = ""


class NodeLister:
    """Lists the nodes of one environment."""

    def __init__(self, aws: AwsAccount, *, environment: str) -> None:
        """Take the account and the value of the tag `Environment`."""
        self._aws = aws
        self._environment = environment

    def list_living(self) -> list[Node]:
        """List the pending and running nodes. The orchestrator belongs to no group and is not a node."""
        filters = [
            {"Name": "tag:project", "Values": [PROJECT_NAME]},
            {"Name": "tag:Environment", "Values": [self._environment]},
            {"Name": "tag-key", "Values": ["NodeGroup"]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        instances = self._aws.list_items(
            "ec2",
            "describe_instances",
            "Reservations[].Instances[]",
            Filters=filters,
            PaginationConfig={"PageSize": 500},
        )
        return sorted(map(_parse_node, instances), key=lambda node: node.id)


def _parse_node(instance: Mapping[str, Any]) -> Node:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    state = tags.get("BootState", "")
    return Node(
        id=instance["InstanceId"],
        role=tags.get("Role", ""),
        site=tags.get("Site", ""),
        is_ready=instance["State"]["Name"] == "running" and state == READY_BOOT_STATE,
        version=tags.get("Version", ""),
        boot_state=state,
    )
