"""The key that encrypts what the stack stores: objects, disks, logs, alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_aws import kms

from infra.access.policies import (
    EVERYTHING,
    Condition,
    Principal,
    ServiceLinkedRoles,
    Statement,
    render_policy,
    string_equals,
)
from infra.component import Component
from infra.naming import KMS_ALIAS, LOG_GROUP_PREFIX, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    import pulumi

    from infra.tags import Tags

DELETION_WINDOW_DAYS = 30
"""How long a deleted key can be had back: the longest that KMS offers, since without it everything is lost."""

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
"""What CloudWatch Logs and the launching roles do with the key, each by AWS's own page."""

LAUNCHING_ROLES = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "spot.amazonaws.com": "AWSServiceRoleForEC2Spot",
}
"""The roles under which Auto Scaling and EC2 Spot launch nodes, by service."""


@dataclass(frozen=True, kw_only=True)
class EncryptionArgs:
    """What the key is made from.

    Attributes:
        account_id: The AWS account, whose IAM policies decide who uses the key.
        region: Its region, whose CloudWatch Logs uses the key.
        protected: Whether Pulumi refuses to delete or replace the key.
        tags: The stack's tags.
    """

    account_id: pulumi.Output[str]
    region: str
    protected: bool
    tags: Tags


class Encryption(Component):
    """One customer-managed KMS key, rotated every year, and its alias.

    Attributes:
        key_arn: The key.
        key_id: Its id.
        alias: Its name, `alias/claudefs-<environment>`.
    """

    key_arn: pulumi.Output[str]
    key_id: pulumi.Output[str]
    alias: pulumi.Output[str]

    def __init__(self, name: str, *, args: EncryptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the key."""
        super().__init__(name, opts=opts)
        environment = args.tags.environment
        key = kms.Key(
            name,
            description=f"ClaudeFS, {environment}: objects, disks, logs and alerts",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=args.account_id.apply(
                lambda account_id: key_policy(account_id=account_id, region=args.region, environment=environment)
            ),
            tags=args.tags.for_resource("key", role="encryption"),
            opts=self.child_options(protect=args.protected),
        )
        alias = kms.Alias(
            name,
            name=physical_name(KMS_ALIAS, f"alias/{PROJECT_NAME}", environment),
            target_key_id=key.key_id,
            opts=self.child_options(),
        )
        self.key_arn = key.arn
        self.key_id = key.key_id
        self.alias = alias.name
        self.register_outputs({"keyArn": self.key_arn, "keyId": self.key_id, "alias": self.alias})


def key_policy(*, account_id: str, region: str, environment: str) -> str:
    """Say who may use the key: whom the account's IAM policies let, and the services that act for nobody.

    S3, EBS, SNS and Secrets Manager use the key with the rights of their caller, so they stand in no statement.
    """
    launching = ServiceLinkedRoles(account_id=account_id, names=LAUNCHING_ROLES)
    return render_policy(
        Statement(
            # Without this statement not even the account's administrators could change the key:
            # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
            sid="IamPoliciesDecide",
            actions=(*_ADMINISTRATION_ACTIONS, *_USE_ACTIONS),
            resources=(EVERYTHING,),
            principal=Principal(kind="AWS", value=f"arn:aws:iam::{account_id}:root"),
        ),
        Statement(
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
            sid="LogsOfThisEnvironment",
            actions=_SERVICE_USE_ACTIONS,
            resources=(EVERYTHING,),
            conditions=(
                Condition(
                    operator="ArnLike",
                    key="kms:EncryptionContext:aws:logs:arn",
                    values=(f"arn:aws:logs:{region}:{account_id}:log-group:{LOG_GROUP_PREFIX}/{environment}/*",),
                ),
            ),
            principal=Principal(kind="Service", value=f"logs.{region}.amazonaws.com"),
        ),
        Statement(
            # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
            sid="AlertsOfBudgets",
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=(EVERYTHING,),
            conditions=(
                string_equals("aws:SourceAccount", account_id),
                Condition(operator="ArnLike", key="aws:SourceArn", values=(f"arn:aws:budgets::{account_id}:*",)),
            ),
            principal=Principal(kind="Service", value="budgets.amazonaws.com"),
        ),
        Statement(
            # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
            sid="DisksOfLaunchedNodes",
            actions=_SERVICE_USE_ACTIONS,
            resources=(EVERYTHING,),
            principal=launching,
        ),
        Statement(
            sid="LendKeyToLaunchedNodes",
            actions=("kms:CreateGrant",),
            resources=(EVERYTHING,),
            conditions=(Condition(operator="Bool", key="kms:GrantIsForAWSResource", values=("true",)),),
            principal=launching,
        ),
    )
