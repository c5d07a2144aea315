"""Grants of the orchestrator and the nodes, limited to what their work needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infra.access.grants import (
    complete_lifecycle_actions,
    describe_instances,
    encrypt_disks,
    list_objects,
    pass_role,
    put_metrics,
    read_image_parameters,
    read_secrets,
    run_tagged_instances,
    use_key,
    write_logs,
)
from infra.access.statements import (
    EVERYTHING,
    Condition,
    Statement,
    arn_like,
    existing_tag_conditions,
    is_present,
    region_condition,
    string_equals,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.scope import Scope, SecuredScope

    RoleGrants = Mapping[str, Callable[[SecuredScope], tuple[Statement, ...]]]

SECRETS_PREFIX = "cfs/"
"""Name prefix of ClaudeFS's secrets, such as `cfs/github-token` and `cfs/fireworks-api-key`."""

NODE_SECRETS_PREFIX = f"{SECRETS_PREFIX}nodes/"
"""Name prefix of the nodes' secrets, followed by the environment. Nodes can read no other secrets."""

METRIC_NAMESPACES = "CFS/*"
"""Pattern of the namespaces of ClaudeFS's metrics."""

NODE_WRITABLE_TAGS = ("Name", "NodeNum", "Version", "BootState")
"""Keys of the tags that a node may change on itself; other tags determine what the orchestrator may do with it."""


def invoke_models(scope: Scope) -> tuple[Statement, Statement]:
    """Return grants to invoke Anthropic's models on Bedrock: in this region, and elsewhere through inference profiles.

    A profile sends requests to models in other regions, whose ARNs contain that region, or none for a global profile:
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html

    AWS decides which profiles a region has and where they send requests. Their geographies include `us`, `eu`, `jp`,
    `au`, `apac` and `global`; Canada uses those of the US, and AWS adds others (`ca`, `in`) without a complete list.
    So all geographies that AWS offers in this region are allowed:
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
    """
    actions = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")
    profiles = scope.regional_arn("bedrock", "inference-profile/*.anthropic.*")
    model = "foundation-model/anthropic.*"
    return (
        Statement(
            sid="InvokeModels", actions=actions, resources=(profiles, f"arn:aws:bedrock:{scope.region}::{model}")
        ),
        Statement(
            sid="InvokeModelsThroughProfiles",
            actions=actions,
            resources=(f"arn:aws:bedrock:*::{model}", f"arn:aws:bedrock:::{model}"),
            conditions=(arn_like("bedrock:InferenceProfileArn", profiles),),
        ),
    )


def _orchestrator_compute(scope: SecuredScope) -> tuple[Statement, ...]:
    own = (*existing_tag_conditions(scope), region_condition(scope))
    spot_role = "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
    return (
        Statement(
            sid="DescribeCompute",
            actions=(
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeScalingActivities",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstances",
                "ec2:DescribeKeyPairs",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSpotInstanceRequests",
                "ec2:DescribeSpotPriceHistory",
                "ec2:DescribeSubnets",
                "ec2:DescribeTags",
                "ec2:DescribeVolumes",
                "ec2:DescribeVpcs",
            ),
            resources=(EVERYTHING,),
        ),
        *run_tagged_instances(scope),
        read_image_parameters(scope),
        Statement(
            sid="ManageTaggedInstances",
            actions=("ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances"),
            resources=scope.ec2_arn_patterns("instance"),
            conditions=(
                *own,
                Condition(operator="StringNotEquals", key="aws:ResourceTag/Role", values=("orchestrator",)),
            ),
        ),
        Statement(
            sid="CancelTaggedSpotRequests",
            actions=("ec2:CancelSpotInstanceRequests",),
            resources=scope.ec2_arn_patterns("spot-instances-request"),
            conditions=own,
        ),
        Statement(
            sid="ResizeTaggedGroups",
            actions=("autoscaling:SetDesiredCapacity",),
            resources=(scope.regional_arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),),
            conditions=existing_tag_conditions(scope),
        ),
        pass_role(scope.role_arn("node"), service="ec2.amazonaws.com"),
        # The account's first spot request needs this:
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
        Statement(
            sid="UseSpot",
            actions=("iam:CreateServiceLinkedRole",),
            resources=(scope.iam_arn(spot_role),),
            conditions=(string_equals("iam:AWSServiceName", "spot.amazonaws.com"),),
        ),
        *encrypt_disks(scope),
    )


def _node_secrets(scope: Scope) -> str:
    return f"{NODE_SECRETS_PREFIX}{scope.environment}/"


def _orchestrator_data(scope: SecuredScope) -> tuple[Statement, ...]:
    buckets = (scope.artifact_bucket_arn, scope.cache_bucket_arn)
    return (
        list_objects(*buckets),
        # Overwritten objects can be restored, since the buckets are versioned.
        Statement(
            sid="ReadAndWriteObjects",
            actions=("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
            resources=tuple(f"{arn}/*" for arn in buckets),
        ),
        Statement(sid="DeleteObjects", actions=("s3:DeleteObject",), resources=(f"{scope.cache_bucket_arn}/*",)),
        # ClaudeFS's scripts contain the names of all secrets except the nodes', so environments share these secrets.
        read_secrets(
            scope,
            SECRETS_PREFIX,
            Condition(operator="StringNotLike", key="secretsmanager:SecretId", values=(f"*{NODE_SECRETS_PREFIX}*",)),
        ),
        replace(read_secrets(scope, _node_secrets(scope)), sid="ReadOwnNodesSecrets"),
        use_key(scope, services=("s3", "secretsmanager", "sns"), encrypt=True),
    )


def _orchestrator_observation(scope: SecuredScope) -> tuple[Statement, ...]:
    return (
        put_metrics(METRIC_NAMESPACES),
        Statement(
            sid="ReadMetrics",
            actions=("cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"),
            resources=(EVERYTHING,),
        ),
        write_logs(scope),
        Statement(sid="ReadCosts", actions=("ce:GetCostAndUsage",), resources=(EVERYTHING,)),
        Statement(
            sid="ReadBudgets",
            actions=("budgets:ViewBudget",),
            resources=(f"arn:aws:budgets::{scope.account_id}:budget/{scope.name_prefix}*",),
        ),
        Statement(sid="Publish", actions=("sns:Publish",), resources=(scope.alert_topic_arn,)),
        Statement(sid="ReadAgentsMode", actions=("ssm:GetParameter",), resources=(scope.agents_mode_arn,)),
    )


def _node_access(scope: SecuredScope) -> tuple[Statement, ...]:
    return (
        list_objects(scope.artifact_bucket_arn),
        Statement(sid="ReadObjects", actions=("s3:GetObject",), resources=(f"{scope.artifact_bucket_arn}/*",)),
        read_secrets(scope, _node_secrets(scope)),
        use_key(scope, services=("s3", "secretsmanager"), encrypt=False),
        describe_instances(),
        Statement(
            sid="TagItself",
            actions=("ec2:CreateTags",),
            resources=scope.ec2_arn_patterns("instance"),
            conditions=(
                # The calling instance is the tagged one, as in AWS's own policy:
                # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSEC2VssSnapshotPolicy.html
                arn_like("ec2:SourceInstanceARN", scope.regional_arn("ec2", "instance/${ec2:InstanceID}")),
                Condition(operator="ForAllValues:StringEquals", key="aws:TagKeys", values=NODE_WRITABLE_TAGS),
                # ForAllValues also matches if there are no keys.
                is_present("aws:TagKeys"),
            ),
        ),
        complete_lifecycle_actions(scope),
        put_metrics(METRIC_NAMESPACES),
        write_logs(scope),
    )


ORCHESTRATOR_GRANTS: RoleGrants = {
    "models": invoke_models,
    "compute": _orchestrator_compute,
    "data": _orchestrator_data,
    "observation": _orchestrator_observation,
}
"""Grants of the orchestrator by concern; each becomes an inline policy."""

NODE_GRANTS: RoleGrants = {"node": _node_access}
"""Grants of a node by concern."""
