"""Grants shared by several roles; grants of a single role are defined with the role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.statements import (
    EVERYTHING,
    Condition,
    Statement,
    existing_tag_conditions,
    is_true,
    region_condition,
    requested_tag_conditions,
    string_equals,
)
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.scope import Scope, SecuredScope


def list_objects(*bucket_arns: str) -> Statement:
    """Return a grant to list the objects of buckets."""
    return Statement(sid="ListObjects", actions=("s3:ListBucket",), resources=bucket_arns)


def use_key(scope: SecuredScope, *, services: Sequence[str], encrypt: bool) -> Statement:
    """Return a grant to use the KMS key through the given services only.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return Statement(
        sid="UseKey",
        actions=("kms:Decrypt", *(("kms:GenerateDataKey",) if encrypt else ())),
        resources=(scope.key_arn,),
        conditions=(through_services(scope, *services),),
    )


def through_services(scope: Scope, *services: str) -> Condition:
    """Return the condition that a service of the region uses the key on the caller's behalf."""
    return string_equals("kms:ViaService", *(f"{service}.{scope.region}.amazonaws.com" for service in services))


def encrypt_disks(scope: SecuredScope) -> tuple[Statement, Statement]:
    """Return the KMS grants for launching instances with encrypted disks.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    """
    through_ec2 = through_services(scope, "ec2")
    return (
        Statement(
            sid="EncryptDisks",
            actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"),
            resources=(scope.key_arn,),
            conditions=(through_ec2,),
        ),
        Statement(
            sid="LendKeyToDisks",
            actions=("kms:CreateGrant",),
            resources=(scope.key_arn,),
            conditions=(through_ec2, is_true("kms:GrantIsForAWSResource")),
        ),
    )


def read_secrets(scope: Scope, prefix: str, *conditions: Condition) -> Statement:
    """Return a grant to read secrets whose names begin with `prefix`, in this account and region."""
    return Statement(
        sid="ReadSecrets",
        actions=("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
        resources=(scope.regional_arn("secretsmanager", f"secret:{prefix}*"),),
        conditions=conditions,
    )


def put_metrics(namespace: str) -> Statement:
    """Return a grant to put metrics in the namespaces that match a pattern; metrics have no ARNs."""
    return Statement(
        sid="PutMetrics",
        actions=("cloudwatch:PutMetricData",),
        resources=(EVERYTHING,),
        conditions=(Condition(operator="StringLike", key="cloudwatch:namespace", values=(namespace,)),),
    )


def write_logs(scope: Scope) -> Statement:
    """Return a grant to write to the environment's log groups, but not to create any."""
    return Statement(
        sid="WriteLogs",
        actions=("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"),
        resources=(scope.log_groups_arn, f"{scope.log_groups_arn}:log-stream:*"),
    )


def describe_instances() -> Statement:
    """Return a grant to describe instances."""
    return Statement(sid="DescribeInstances", actions=("ec2:DescribeInstances",), resources=(EVERYTHING,))


def read_image_parameters(scope: Scope) -> Statement:
    """Return a grant to read Canonical's public parameters, which launch templates refer to; launching needs it.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html#use-an-ssm-parameter-instead-of-an-ami-id
    """
    return Statement(
        sid="ReadImageParameters", actions=("ssm:GetParameters",), resources=(image_parameters_arn(scope),)
    )


def image_parameters_arn(scope: Scope) -> str:
    """Return the ARN pattern of Canonical's public parameters."""
    return f"arn:aws:ssm:{scope.region}::parameter/aws/service/canonical/*"


SPOT_REQUESTS_SID = "RunOnTaggedSpotRequests"
"""Sid of the statement for spot requests."""


def run_tagged_instances(scope: Scope) -> tuple[Statement, ...]:
    """Return grants to launch instances with this environment's tags, encrypted disks and IMDSv2 only.

    Instances must use this environment's subnets and security groups. EC2 authorizes each resource of a launch
    separately, so each resource type has its own conditions:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances
    """

    def run(sid: str, resources: tuple[str, ...], *conditions: Condition) -> Statement:
        return Statement(sid=sid, actions=("ec2:RunInstances",), resources=resources, conditions=conditions)

    asks_for_tags, in_region = requested_tag_conditions(scope), region_condition(scope)
    network = scope.ec2_arn_patterns("subnet", "security-group", "launch-template")
    # The ARN of a public image contains no account; a new network interface has no tags yet.
    images = tuple(f"arn:aws:ec2:{scope.region}::{type_}/*" for type_ in ("image", "snapshot"))
    return (
        run(
            "RunTaggedInstances",
            scope.ec2_arn_patterns("instance"),
            *asks_for_tags,
            in_region,
            string_equals("ec2:MetadataHttpTokens", "required"),
        ),
        run("RunWithTaggedDisks", scope.ec2_arn_patterns("volume"), *asks_for_tags, is_true("ec2:Encrypted")),
        run(SPOT_REQUESTS_SID, scope.ec2_arn_patterns("spot-instances-request"), *asks_for_tags),
        run("RunInOwnNetwork", network, *existing_tag_conditions(scope)),
        run("RunFromImages", (*images, *scope.ec2_arn_patterns("network-interface")), in_region),
        Statement(
            sid="TagWhatIsLaunched",
            actions=("ec2:CreateTags",),
            resources=scope.ec2_arn_patterns("instance", "volume", "network-interface", "spot-instances-request"),
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
            conditions=(string_equals("ec2:CreateAction", "RunInstances"), *asks_for_tags),
        ),
    )


def pass_role(role_arn: str, *, service: str) -> Statement:
    """Return a grant to pass a role to an AWS service; EC2 then provides it to launched instances."""
    return Statement(
        sid="PassRole",
        actions=("iam:PassRole",),
        resources=(role_arn,),
        conditions=(string_equals("iam:PassedToService", service),),
    )


def send_commands(scope: Scope, documents: Sequence[str]) -> tuple[Statement, Statement]:
    """Return grants to run the given SSM Command documents, and no others, on this environment's instances.

    Run Command authorizes the document and each instance separately; only the instance has the tags:
    https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html
    """
    return (
        Statement(
            sid="SendCommands",
            actions=("ssm:SendCommand",),
            resources=tuple(scope.regional_arn("ssm", f"document/{name}") for name in documents),
        ),
        Statement(
            sid="SendCommandsToTaggedInstances",
            actions=("ssm:SendCommand",),
            resources=scope.ec2_arn_patterns("instance"),
            conditions=(
                string_equals("ssm:resourceTag/project", PROJECT_NAME),
                string_equals("ssm:resourceTag/Environment", scope.environment),
            ),
        ),
    )


def complete_lifecycle_actions(scope: Scope) -> Statement:
    """Return a grant to complete lifecycle actions of this environment's Auto Scaling groups.

    AWS cannot limit the grant to the calling instance:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
    """
    return Statement(
        sid="CompleteLifecycleActions",
        actions=("autoscaling:CompleteLifecycleAction",),
        resources=(scope.named_arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"),),
        conditions=existing_tag_conditions(scope),
    )
