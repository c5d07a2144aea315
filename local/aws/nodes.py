"""Emulated nodes on the account's instances: they boot, install releases, answer probes, and fail on demand.

An instance of a node group (tag `NodeGroup`) boots by installing the release that its environment's version pointer
names, and then executes the environment's Command documents `install`, `probe` and `drain`. The tag `EmulatedFault`
makes it fail; its words are `install:v1.2.3` (cannot install that version), `probe:v1.2.3` (not ready while running
it), `vanish:v1.2.3` (is terminated while installing it), `boot` (never becomes ready by itself) or `unreachable` (its
agent is not running).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from moto.ec2 import ec2_backends
from moto.s3 import s3_backends

from infra.naming import S3_BUCKET, physical_name
from infra.tags import PROJECT_NAME
from local.aws.iam.account import ACCOUNT_ID, find_profile_role
from local.aws.iam.api_request import ApiRequest
from local.aws.iam.gate import ACCOUNT_GATE, AccessRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.ec2.models.instances import Instance

PARTITION = "aws"
FAULT_TAG = "EmulatedFault"
"""The tag that makes a node fail."""

NO_VERSION = "none"
"""Value of the tag `Version` on a node that booted before the first release."""


@dataclass(frozen=True, kw_only=True)
class NodeCommandResult:
    """The result of a command on a node.

    Attributes:
        succeeded: Whether the command succeeded.
        output: The command's output.
    """

    succeeded: bool
    output: str = ""


_DRAINED_NODES: WeakSet[Any] = WeakSet()
"""Nodes with stopped units."""


def boot_node(instance: Instance) -> bool | None:
    """Boot a new instance if it belongs to a node group; return whether it succeeded, or None if it does not report."""
    tags = _instance_tags(instance)
    if "NodeGroup" not in tags or "boot" in _node_faults(tags):
        return None
    pointer = _read_artifact(instance, f"environments/{tags.get('Environment', '')}/version.json")
    version = NO_VERSION
    if pointer is not None:
        named = json.loads(pointer)
        release = _read_artifact(instance, named["release"])
        if release is None:
            _set_tags(instance, BootState="failed:release")
            return False
        version = json.loads(release)["version"]
    _set_tags(instance, Version=version, BootState="ready")
    return True


def is_reachable(instance: Instance) -> bool:
    """Return whether Systems Manager can reach an instance."""
    return instance.state == "running" and "unreachable" not in _node_faults(_instance_tags(instance))


def run_node_command(instance: Instance, document: str, parameters: Mapping[str, str]) -> NodeCommandResult:
    """Run one of the environment's Command documents on a node."""
    if document == "install":
        return _install_release(instance, parameters["ReleaseKey"], parameters["Sha256"])
    if document == "drain":
        _DRAINED_NODES.add(instance)
        return NodeCommandResult(succeeded=True, output=f"drain {parameters['Reason']}: done")
    return _probe_node(instance, parameters["ExpectedVersion"])


def _install_release(instance: Instance, key: str, sha256: str) -> NodeCommandResult:
    body = _read_artifact(instance, key)
    if body is None or hashlib.sha256(body).hexdigest() != sha256:
        return NodeCommandResult(succeeded=False, output=f"release refused: {key} has another SHA-256 than {sha256}")
    version = json.loads(body)["version"]
    faults = _node_faults(_instance_tags(instance))
    if f"vanish:{version}" in faults:
        backend = ec2_backends[instance.ec2_backend.account_id][instance.ec2_backend.region_name]
        backend.terminate_instances([instance.id])
        return NodeCommandResult(succeeded=False)
    if f"install:{version}" in faults:
        return NodeCommandResult(succeeded=False, output="release refused: emulated")
    _DRAINED_NODES.discard(instance)
    _set_tags(instance, Version=version)
    return NodeCommandResult(succeeded=True, output=f"release {version} installed")


def _probe_node(instance: Instance, expected: str) -> NodeCommandResult:
    tags = _instance_tags(instance)
    version = tags.get("Version", NO_VERSION)
    if version != expected:
        return NodeCommandResult(succeeded=False, output=f"wrong: the release is {version}, not {expected}")
    if instance in _DRAINED_NODES:
        return NodeCommandResult(succeeded=False, output="wrong: cfs-mgmt.service is inactive")
    if f"probe:{expected}" in _node_faults(tags):
        return NodeCommandResult(succeeded=False, output="wrong: the management API is not ready")
    return NodeCommandResult(succeeded=True, output=f"release {expected} runs")


def _read_artifact(instance: Instance, key: str) -> bytes | None:
    backend = instance.ec2_backend
    environment = _instance_tags(instance).get("Environment", "")
    bucket = physical_name(S3_BUCKET, PROJECT_NAME, environment, "artifacts", backend.account_id, backend.region_name)
    buckets = s3_backends[backend.account_id][PARTITION].buckets
    found = buckets[bucket].keys.get(key) if bucket in buckets else None
    return None if found is None or not _may_read(instance, f"/{bucket}/{key}") else bytes(found.value)


def _may_read(instance: Instance, path: str) -> bool:
    """Return whether an instance may read an object with its profile's role; always true while the gate is off."""
    if not ACCOUNT_GATE.enforced:
        return True
    role = find_profile_role((instance.iam_instance_profile or {}).get("Arn", ""))
    if role is None:
        return False
    region = instance.ec2_backend.region_name
    read = ApiRequest(
        service="s3",
        operation="GetObject",
        actions=("s3:GetObject",),
        region=region,
        parameters={},
        path=path,
        method="GET",
        headers={},
        query={},
    )
    try:
        node = ACCOUNT_GATE.assume_for_service(
            "ec2.amazonaws.com",
            role.arn,
            session=instance.id,
            source_arn=read.regional_arn("ec2", f"instance/{instance.id}", account=ACCOUNT_ID),
        )
    except AccessRefusedError:
        return False
    return node is None or not ACCOUNT_GATE.judge_call(read, node)


def _set_tags(instance: Instance, **tags: str) -> None:
    instance.ec2_backend.create_tags([instance.id], tags)


def _instance_tags(instance: Instance) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in instance.get_tags()}


def _node_faults(tags: Mapping[str, str]) -> frozenset[str]:
    return frozenset(tags.get(FAULT_TAG, "").split())
