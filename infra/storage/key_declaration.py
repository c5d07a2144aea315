"""What the stack declares of its KMS key: alias, description, tags and policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.alert_publishers import ALERT_PUBLISHERS
from infra.access.statements import (
    EVERYTHING,
    Principal,
    Statement,
    allow_service,
    arn_like,
    is_true,
    render_policy,
    string_equals,
)
from infra.naming import KMS_ALIAS, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from infra.scope import Scope
    from infra.tags import Tags

_ADMINISTRATION_ACTIONS = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
_USE_ACTIONS = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_SERVICE_USE_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""Actions of CloudWatch Logs and the launching roles on the key, from AWS's documentation of each."""

LAUNCHING_ROLES = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "spot.amazonaws.com": "AWSServiceRoleForEC2Spot",
}
"""Service-linked roles with which Auto Scaling and EC2 Spot launch nodes, by service."""


def key_alias(environment: str) -> str:
    """Return the alias of an environment's key."""
    return physical_name(KMS_ALIAS, f"alias/{PROJECT_NAME}", environment)


def key_description(environment: str) -> str:
    """Return the description of an environment's key."""
    return f"ClaudeFS, {environment}: objects, disks, logs and alerts"


def key_tags(tags: Tags) -> dict[str, str]:
    """Return the tags of a stack's key."""
    return tags.for_resource("key", role="encryption")


def key_policy(scope: Scope) -> str:
    """Return the key policy: it enables IAM policies, and allows services that do not act on behalf of a caller.

    S3, EBS, SNS and Secrets Manager use the key with their caller's permissions, so they need no statement.
    """
    # KMS refuses a policy with a principal that does not exist, and AWS creates these roles on first use. So the
    # principal is everybody, and the conditions limit the statements to these roles of this account.
    everybody = Principal(kind="AWS", value="*")
    launching = (
        string_equals("kms:CallerAccount", scope.account_id),
        string_equals(
            "aws:PrincipalArn",
            *(scope.iam_arn(f"role/aws-service-role/{service}/{role}") for service, role in LAUNCHING_ROLES.items()),
        ),
    )
    return render_policy(
        Statement(
            # Without this statement not even the account's administrators could change the key:
            # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
            sid="IamPoliciesDecide",
            actions=(*_ADMINISTRATION_ACTIONS, *_USE_ACTIONS),
            resources=(EVERYTHING,),
            principal=Principal(kind="AWS", value=scope.iam_arn("root")),
        ),
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        allow_service(
            "LogsOfThisEnvironment",
            f"logs.{scope.region}.amazonaws.com",
            *_SERVICE_USE_ACTIONS,
            resources=(EVERYTHING,),
            conditions=(arn_like("kms:EncryptionContext:aws:logs:arn", scope.log_groups_arn),),
        ),
        *(
            allow_service(
                f"AlertsOf{name}",
                publisher.service,
                *("kms:Decrypt", "kms:GenerateDataKey"),
                resources=(EVERYTHING,),
                conditions=publisher.source_conditions(scope.account_id),
            )
            for name, publisher in ALERT_PUBLISHERS.items()
        ),
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
        Statement(
            sid="DisksOfLaunchedNodes",
            actions=_SERVICE_USE_ACTIONS,
            resources=(EVERYTHING,),
            conditions=launching,
            principal=everybody,
        ),
        Statement(
            sid="LendKeyToLaunchedNodes",
            actions=("kms:CreateGrant",),
            resources=(EVERYTHING,),
            conditions=(is_true("kms:GrantIsForAWSResource"), *launching),
            principal=everybody,
        ),
    )
