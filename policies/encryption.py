"""The rule that what is stored is encrypted, with the stack's key where its service can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.model import is_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from policies.model import CheckedResource


def find_unencrypted(resource: CheckedResource) -> Iterator[str]:
    """Yield disks, volumes, buckets' defaults, topics, log groups and queues without encryption, and unrotated keys."""
    find = _CHECKS.get(resource.type)
    if find is not None:
        yield from find(resource)


def _instance_disks(resource: CheckedResource) -> Iterator[str]:
    roots = resource.known_blocks("rootBlockDevice") or [{}]
    if any(is_off(disk.get("encrypted")) for disk in (*roots, *resource.known_blocks("ebsBlockDevices"))):
        yield "A disk of it is not encrypted."


def _template_disks(resource: CheckedResource) -> Iterator[str]:
    disks = [
        mapping["ebs"]
        for mapping in resource.known_blocks("blockDeviceMappings")
        if isinstance(mapping.get("ebs"), dict)
    ]
    if not disks or any(is_off(disk.get("encrypted")) for disk in disks):
        yield "A disk of its machines is not encrypted."


def _volume_encryption(resource: CheckedResource) -> Iterator[str]:
    if is_off(resource.properties.get("encrypted")):
        yield "It is not encrypted."


def _bucket_default(resource: CheckedResource) -> Iterator[str]:
    defaults = [rule.get("applyServerSideEncryptionByDefault") for rule in resource.known_blocks("rules")]
    if not all(isinstance(each, dict) and each.get("sseAlgorithm") == "aws:kms" for each in defaults) or not defaults:
        yield "The bucket's default is not encryption with a KMS key."


def _with_key(property_: str) -> Callable[[CheckedResource], Iterator[str]]:
    def find_missing_key(resource: CheckedResource) -> Iterator[str]:
        if not resource.properties.get(property_):
            yield f"It names no KMS key ({property_})."

    return find_missing_key


def _key_rotation(resource: CheckedResource) -> Iterator[str]:
    if is_off(resource.properties.get("enableKeyRotation")):
        yield "The key is not rotated (enableKeyRotation)."


def _queue_encryption(resource: CheckedResource) -> Iterator[str]:
    # SQS encrypts a queue with its own key unless it is told not to.
    if resource.properties.get("sqsManagedSseEnabled") is False and not resource.properties.get("kmsMasterKeyId"):
        yield "It is not encrypted."


_CHECKS: Mapping[str, Callable[[CheckedResource], Iterator[str]]] = {
    "aws:cloudwatch/logGroup:LogGroup": _with_key("kmsKeyId"),
    "aws:ebs/volume:Volume": _volume_encryption,
    "aws:ec2/instance:Instance": _instance_disks,
    "aws:ec2/launchTemplate:LaunchTemplate": _template_disks,
    "aws:kms/key:Key": _key_rotation,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket_default,
    "aws:sns/topic:Topic": _with_key("kmsMasterKeyId"),
    "aws:sqs/queue:Queue": _queue_encryption,
}
