"""Limits that depend on what the account already has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.aws.api_rules.access import MOST_INLINE_CHARACTERS, count_policy_characters, policy_statements
from local.aws.api_rules.rule import ApiRule
from local.aws.api_rules.tags import MOST_TAGS, tag_lists
from local.aws.iam.account import find_bucket, find_iam_resource, find_role, service_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.aws.api_rules.rule import Parameters
    from local.aws.iam.account import IamCollection

MOST_ROLE_POLICIES = 10
MOST_HOOKS = 50
MOST_METRIC_FILTERS = 100
_QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_VPC_QUOTAS = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"


def _find_excess_policies(parameters: Parameters) -> str:
    role = find_role(parameters.get("RoleName", ""))
    attached = set(role.managed_policies) if role else set()
    if len(attached | {parameters.get("PolicyArn")}) > MOST_ROLE_POLICIES:
        return f"Cannot exceed quota for PoliciesPerRole: {MOST_ROLE_POLICIES}"
    return ""


def _find_excess_inline_characters(parameters: Parameters) -> str:
    role = find_role(parameters.get("RoleName", ""))
    policies: dict[str, str] = dict(role.policies) if role else {}
    policies[parameters.get("PolicyName", "")] = parameters.get("PolicyDocument", "")
    if sum(map(count_policy_characters, policies.values())) > MOST_INLINE_CHARACTERS:
        return f"Maximum policy size of {MOST_INLINE_CHARACTERS} bytes exceeded for role {parameters.get('RoleName')}"
    return ""


def _excess_tags(member: str, collection: IamCollection, quota: str) -> Callable[[Parameters], str]:
    """Return a check of the tags of an IAM resource together with new ones."""

    def find_fault(parameters: Parameters) -> str:
        found = find_iam_resource(collection, str(parameters.get(member, "")))
        # moto's roles have a list of tags, and its policies a dictionary.
        keys = {tag["Key"] if isinstance(tag, dict) else tag for tag in getattr(found, "tags", None) or ()}
        keys.update(key for tags in tag_lists(parameters) for key, _ in tags)
        return f"Cannot exceed quota for {quota}: {MOST_TAGS}" if len(keys) > MOST_TAGS else ""

    return find_fault


def _find_excess_group_tags(parameters: Parameters) -> str:
    new: dict[str, set[str]] = {}
    for tag in parameters.get("Tags", ()):
        new.setdefault(tag.get("ResourceId", ""), set()).add(tag.get("Key", ""))
    for group in _auto_scaling_groups():
        present = {tag["Key"] for tag in group.tags}
        if group.name in new and len(present | new[group.name]) > MOST_TAGS:
            return f"Tag limit exceeded. The maximum number of tags on a resource is {MOST_TAGS}."
    return ""


def _find_excess_hooks(parameters: Parameters) -> str:
    name, hook = parameters.get("AutoScalingGroupName"), parameters.get("LifecycleHookName")
    for group in _auto_scaling_groups():
        if group.name == name:
            hooks = {of.name for of in group.autoscaling_backend.describe_lifecycle_hooks(name)}
            if len(hooks | {hook}) > MOST_HOOKS:
                return f"The number of lifecycle hooks per group is limited to {MOST_HOOKS}."
    return ""


def _find_excess_metric_filters(parameters: Parameters) -> str:
    group, name = parameters.get("logGroupName"), parameters.get("filterName")
    present = {
        of["filterName"]
        for logs in service_backends("logs")
        for of in logs.filters.metric_filters
        if of["logGroupName"] == group
    }
    return "Resource limit exceeded." if len(present | {name}) > MOST_METRIC_FILTERS else ""


def _find_second_route_table(parameters: Parameters) -> str:
    subnet, table = parameters.get("SubnetId"), parameters.get("RouteTableId")
    taken = any(
        of["SubnetId"] == subnet and other.id != table
        for ec2 in service_backends("ec2")
        for other in ec2.route_tables.values()
        for of in other.associations
        if subnet and "SubnetId" in of
    )
    if not taken:
        return ""
    return f"the specified association for route table {table} conflicts with an existing association"


def _find_foreign_group(parameters: Parameters) -> str:
    """Find a security group of another VPC than the subnet's."""
    vpcs: dict[str, str] = {}
    for ec2 in service_backends("ec2"):
        parts = (*ec2.subnets.values(), *ec2.groups.values())
        vpcs |= {id_: of.vpc_id for part in parts for id_, of in part.items()}
    for interface in (parameters, *parameters.get("NetworkInterfaces", ())):
        subnet = interface.get("SubnetId")
        for group in interface.get("SecurityGroupIds") or interface.get("Groups") or ():
            if {subnet, group} <= vpcs.keys() and vpcs[group] != vpcs[subnet]:
                return f"Security group {group} and subnet {subnet} belong to different networks."
    return ""


def _find_foreign_resource(parameters: Parameters) -> str:
    """Find a statement of a bucket's policy on another bucket."""
    bucket = parameters.get("Bucket", "")
    if find_bucket(bucket) is None:
        return ""
    own = f"arn:aws:s3:::{bucket}"
    statements = policy_statements(json.loads(parameters.get("Policy") or "{}"))
    named = [of.get("Resource") or [] for of in statements]
    resources = [arn for of in named for arn in ([of] if isinstance(of, str) else of)]
    return "" if all(of == own or of.startswith(f"{own}/") for of in resources) else "Policy has invalid resource"


def _auto_scaling_groups() -> Iterator[Any]:
    for backend in service_backends("autoscaling"):
        yield from backend.autoscaling_groups.values()


_CONFLICT = "409 Conflict"
ACCOUNT_RULES = (
    ApiRule(
        name="a role has at most 10 managed policies",
        operations=("iam:AttachRolePolicy",),
        code="LimitExceeded",
        find_fault=_find_excess_policies,
        source=_QUOTAS,
        status=_CONFLICT,
    ),
    ApiRule(
        name="a role's inline policies together have at most 10,240 characters",
        operations=("iam:PutRolePolicy",),
        code="LimitExceeded",
        find_fault=_find_excess_inline_characters,
        source=_QUOTAS,
        status=_CONFLICT,
    ),
    ApiRule(
        name="a role has at most 50 tags",
        operations=("iam:TagRole",),
        code="LimitExceeded",
        find_fault=_excess_tags("RoleName", "roles", "TagsPerRole"),
        source=_QUOTAS,
        status=_CONFLICT,
    ),
    ApiRule(
        name="a managed policy has at most 50 tags",
        operations=("iam:TagPolicy",),
        code="LimitExceeded",
        find_fault=_excess_tags("PolicyArn", "managed_policies", "TagsPerPolicy"),
        source=_QUOTAS,
        status=_CONFLICT,
    ),
    ApiRule(
        name="a group has at most 50 tags",
        operations=("autoscaling:CreateOrUpdateTags",),
        code="LimitExceeded",
        find_fault=_find_excess_group_tags,
        source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html",
    ),
    ApiRule(
        name="a group has at most 50 lifecycle hooks",
        operations=("autoscaling:PutLifecycleHook",),
        code="LimitExceeded",
        find_fault=_find_excess_hooks,
        source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html",
    ),
    ApiRule(
        name="an instance's security groups are in its subnet's VPC",
        operations=("ec2:RunInstances",),
        code="InvalidParameter",
        find_fault=_find_foreign_group,
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html",
    ),
    ApiRule(
        name="a subnet has one route table",
        operations=("ec2:AssociateRouteTable",),
        code="Resource.AlreadyAssociated",
        find_fault=_find_second_route_table,
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html",
    ),
    ApiRule(
        name="a log group has at most 100 metric filters",
        operations=("logs:PutMetricFilter",),
        code="LimitExceededException",
        find_fault=_find_excess_metric_filters,
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html",
    ),
    ApiRule(
        name="a bucket's policy is about the bucket",
        operations=("s3:PutBucketPolicy",),
        code="MalformedPolicy",
        find_fault=_find_foreign_resource,
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-arn-format.html",
    ),
)
