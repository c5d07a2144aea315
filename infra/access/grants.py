"""Grants that several roles share; what one role alone is granted stands beside the role."""

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
    """List the objects of some buckets."""
    return Statement(sid="ListObjects", actions=("s3:ListBucket",), resources=bucket_arns)


def use_key(scope: SecuredScope, *, services: Sequence[str], encrypt: bool) -> Statement:
    """Use a KMS key through some services, never directly.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return Statement(
        sid="UseKey",
        actions=("kms:Decrypt", *(("kms:GenerateDataKey",) if encrypt else ())),
        resources=(scope.key_arn,),
        conditions=(through_services(scope, *services),),
    )


def through_services(scope: Scope, *services: str) -> Condition:
    """Ask that a service of the region uses the key for the caller."""
    return string_equals("kms:ViaService", *(f"{service}.{scope.region}.amazonaws.com" for service in services))


def encrypt_disks(scope: SecuredScope) -> tuple[Statement, Statement]:
    """Launch instances whose disks are encrypted with a KMS key.

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
    """Read the secrets whose names begin with `prefix`, in this account and region."""
    return Statement(
        sid="ReadSecrets",
        actions=("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
        resources=(scope.regional_arn("secretsmanager", f"secret:{prefix}*"),),
        conditions=conditions,
    )


def put_metrics(namespace: str) -> Statement:
    """Publish metrics in the namespaces that match a pattern; CloudWatch knows no ARNs of metrics."""
    return Statement(
        sid="PutMetrics",
        actions=("cloudwatch:PutMetricData",),
        resources=(EVERYTHING,),
        conditions=(Condition(operator="StringLike", key="cloudwatch:namespace", values=(namespace,)),),
    )


def write_logs(scope: Scope) -> Statement:
    """Write to the environment's log groups. They are the stack's: nobody creates others."""
    return Statement(
        sid="WriteLogs",
        actions=("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"),
        resources=(scope.log_groups_arn, f"{scope.log_groups_arn}:log-stream:*"),
    )


def describe_instances() -> Statement:
    """See instances and their tags."""
    return Statement(sid="DescribeInstances", actions=("ec2:DescribeInstances",), resources=(EVERYTHING,))


def read_image_parameters(scope: Scope) -> Statement:
    """Read Canonical's public parameters, by which launch templates name the image of who launches with them.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html#use-an-ssm-parameter-instead-of-an-ami-id
    """
    return Statement(
        sid="ReadImageParameters", actions=("ssm:GetParameters",), resources=(image_parameters_arn(scope),)
    )


def image_parameters_arn(scope: Scope) -> str:
    """Return the pattern of the ARNs of Canonical's public parameters."""
    return f"arn:aws:ssm:{scope.region}::parameter/aws/service/canonical/*"


SPOT_REQUESTS_SID = "RunOnTaggedSpotRequests"
"""The statement for launches on the spot market."""


def run_tagged_instances(scope: Scope) -> tuple[Statement, ...]:
    """Launch instances that bear this environment's tags, have encrypted disks and answer IMDSv2 only.

    They go into this environment's subnets and security groups. EC2 checks each resource of a launch on its own, so
    each type has the conditions that exist for it:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances
    """

    def run(sid: str, resources: tuple[str, ...], *conditions: Condition) -> Statement:
        return Statement(sid=sid, actions=("ec2:RunInstances",), resources=resources, conditions=conditions)

    asks_for_tags, in_region = requested_tag_conditions(scope), region_condition(scope)
    network = scope.ec2_arn_patterns("subnet", "security-group", "launch-template")
    # Public images belong to no account in their ARN; a new network interface has no tags yet.
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
    """Pass one role to one AWS service; EC2 gives it on to instances that are launched."""
    return Statement(
        sid="PassRole",
        actions=("iam:PassRole",),
        resources=(role_arn,),
        conditions=(string_equals("iam:PassedToService", service),),
    )


def send_commands(scope: Scope, documents: Sequence[str]) -> tuple[Statement, Statement]:
    """Run some SSM Command documents, and no others, on this environment's instances.

    Run Command checks the document and each instance on its own; the tags are the instance's:
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
    """Let instances of this environment's Auto Scaling groups go on that wait to be launched or terminated.

    A group has the stack's name in its own. AWS cannot limit it to the instance that asks:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
    """
    return Statement(
        sid="CompleteLifecycleActions",
        actions=("autoscaling:CompleteLifecycleAction",),
        resources=(scope.named_arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"),),
        conditions=existing_tag_conditions(scope),
    )
