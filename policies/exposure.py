"""Rules about what the internet can reach: ingress, public addresses, buckets, and the instance metadata service."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from policies.model import CheckedResource, Violation, is_off

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_CLASSIC_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
_INSTANCE = "aws:ec2/instance:Instance"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_SUBNET = "aws:ec2/subnet:Subnet"
_NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
_BUCKET = "aws:s3/bucket:Bucket"
_PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

_NARROWEST_WIDE_PREFIX = 7
"""No private network has so short a prefix: the largest is 10.0.0.0/8."""


def find_public_ingress(resource: CheckedResource) -> Iterator[str]:
    """Yield networks of the internet that a security group's rule admits."""
    sources: Iterable[Any] = ()
    if resource.type == _RULE:
        sources = [resource.properties.get(key) for key in ("cidrIpv4", "cidrIpv6")]
    elif resource.type == _CLASSIC_RULE and resource.properties.get("type") == "ingress":
        sources = _inline_sources(resource.properties)
    elif resource.type in _GROUPS:
        sources = [source for rule in resource.known_blocks("ingress") for source in _inline_sources(rule)]
    for source in sources:
        if isinstance(source, str) and _is_public(source):
            yield f"It admits {source} of the internet."


def _inline_sources(rule: Any) -> list[Any]:
    lists = [rule.get(key) for key in ("cidrBlocks", "ipv6CidrBlocks")]
    return [source for sources in lists if isinstance(sources, list) for source in sources]


def _is_public(cidr: str) -> bool:
    network = ip_network(cidr, strict=False)
    # `is_private` compares only the first and the last address, which are private for 0.0.0.0/0.
    return network.prefixlen <= _NARROWEST_WIDE_PREFIX or not network.is_private


def find_old_metadata_service(resource: CheckedResource) -> Iterator[str]:
    """Yield instances and launch templates that answer requests of IMDSv1."""
    if resource.type in (_INSTANCE, _TEMPLATE):
        tokens = {options.get("httpTokens") for options in resource.known_blocks("metadataOptions")} or {None}
        if any(isinstance(each, str | None) and each != "required" for each in tokens):
            yield "Its instance metadata service does not require session tokens (IMDSv2)."


def find_public_addresses(resources: Sequence[CheckedResource]) -> Iterator[Violation]:
    """Yield machines and subnets with public addresses in a stack whose way out is a NAT gateway."""
    if not any(resource.type == _NAT_GATEWAY for resource in resources):
        return
    for resource in resources:
        if _has_public_address(resource):
            yield Violation(
                resource=resource, problem="It gets a public address, although a NAT gateway is the way out."
            )


def _has_public_address(resource: CheckedResource) -> bool:
    if resource.type == _SUBNET:
        # The NAT gateway's own subnet needs none either: its address is an Elastic IP address.
        return str(resource.properties.get("mapPublicIpOnLaunch")).lower() == "true"
    if resource.type == _TEMPLATE:
        return any(
            str(interface.get("associatePublicIpAddress")).lower() == "true"
            for interface in resource.known_blocks("networkInterfaces")
        )
    return resource.type == _INSTANCE and resource.properties.get("associatePublicIpAddress") is True


def find_open_buckets(resources: Sequence[CheckedResource]) -> Iterator[Violation]:
    """Yield buckets that are not private, not versioned, or reachable without TLS."""
    for bucket in resources:
        if bucket.type == _BUCKET:
            parts = [part for part in resources if _is_part_of(part, bucket)]
            lacking = [what for what, is_kept in _bucket_promises(parts) if not is_kept]
            if lacking:
                yield Violation(resource=bucket, problem=f"It lacks {', '.join(lacking)}.")


def _is_part_of(part: CheckedResource, bucket: CheckedResource) -> bool:
    """Return whether a resource configures a bucket; before the bucket exists, only the dependency shows it."""
    named = part.properties.get("bucket")
    return bucket.urn in part.bucket_urns or (isinstance(named, str) and named == bucket.properties.get("bucket"))


def _bucket_promises(parts: Sequence[CheckedResource]) -> Iterator[tuple[str, bool]]:
    of = {part.type: part for part in parts}
    block, versioning, policy = (of.get(type_) for type_ in (_PUBLIC_ACCESS, _VERSIONING, _POLICY))
    yield (
        "a complete public access block",
        block is not None and not any(is_off(block.properties.get(key)) for key in _BLOCKS),
    )
    yield (
        "versions",
        versioning is not None
        and all(part.get("status") == "Enabled" for part in versioning.known_blocks("versioningConfiguration")),
    )
    yield "a policy that denies requests without TLS", policy is not None and _denies_plain_requests(policy)


def _denies_plain_requests(policy: CheckedResource) -> bool:
    if not isinstance(policy.properties.get("policy"), str):
        return True  # unknown until `up`
    return any(
        statement["Effect"] == "Deny"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and statement.get("Action") in ("s3:*", ["s3:*"])
        for statement in policy.policy_statements("policy")
    )
