"""Rules about tags, and about what the tag `Role` allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.tags import REQUIRED_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.model import CheckedResource

UNTAGGABLE_TYPES = frozenset(
    {
        "aws:autoscaling/lifecycleHook:LifecycleHook",
        "aws:autoscaling/schedule:Schedule",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/eventTarget:EventTarget",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:kms/alias:Alias",
        "aws:lambda/permission:Permission",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:scheduler/schedule:Schedule",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
    }
)
"""AWS resource types of the stack that cannot have tags."""

CLUSTER_ROLES = frozenset({"storage", "client", "conduit", "jepsen"})
"""Values of the tag `Role` in the test cluster, whose nodes may be interrupted."""

_GROUP = "aws:autoscaling/group:Group"
_SPOT_REQUESTS = ("aws:ec2/spotInstanceRequest:", "aws:ec2/spotFleetRequest:", "aws:ec2/fleet:")
_FULL_PERCENTAGE = 100


def find_missing_tags(resource: CheckedResource) -> Iterator[str]:
    """Yield the required tags that an AWS resource lacks."""
    if not resource.type.startswith("aws:") or resource.type in UNTAGGABLE_TYPES or resource.ignores_tags:
        return
    tags = resource.tag_values
    if tags is None:
        return
    missing = [key for key in REQUIRED_TAGS if not tags.get(key)]
    if missing:
        yield f"It lacks the tag{'s' * (len(missing) > 1)} {', '.join(missing)}."


def find_foreign_spot(resource: CheckedResource) -> Iterator[str]:
    """Yield spot capacity outside the test cluster."""
    tags = resource.tag_values
    if tags is None or tags.get("Role") in CLUSTER_ROLES:
        return
    asks = resource.type.startswith(_SPOT_REQUESTS) or any(
        options.get("marketType") == "spot" for options in resource.known_blocks("instanceMarketOptions")
    )
    if resource.type == _GROUP:
        distributions = [
            policy["instancesDistribution"]
            for policy in resource.known_blocks("mixedInstancesPolicy")
            if isinstance(policy.get("instancesDistribution"), dict)
        ]
        asks = any(
            each.get("onDemandPercentageAboveBaseCapacity", _FULL_PERCENTAGE) != _FULL_PERCENTAGE
            for each in distributions
        )
    if asks:
        yield f"It asks for spot capacity, and its tag Role is {tags.get('Role', 'missing')}."
