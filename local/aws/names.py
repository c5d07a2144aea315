"""Maps API operations to IAM actions; most have the same name, and the exceptions are listed here.

The source is the Service Authorization Reference, on the page of each service:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

IAM_PREFIXES: Mapping[str, str] = {"monitoring": "cloudwatch"}
"""IAM's service prefix by signing name, for services where they differ."""

UNRESTRICTED_ACTIONS = frozenset({"sts:GetCallerIdentity"})
"""Actions that need no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""

IAM_ACTION_NAMES: Mapping[str, tuple[str, ...]] = {
    "budgets:CreateBudget": ("budgets:ModifyBudget",),
    "budgets:CreateNotification": ("budgets:ModifyBudget",),
    "budgets:CreateSubscriber": ("budgets:ModifyBudget",),
    "budgets:DeleteBudget": ("budgets:ModifyBudget",),
    "budgets:DeleteNotification": ("budgets:ModifyBudget",),
    "budgets:DeleteSubscriber": ("budgets:ModifyBudget",),
    "budgets:DescribeBudget": ("budgets:ViewBudget",),
    "budgets:DescribeBudgets": ("budgets:ViewBudget",),
    "budgets:DescribeNotificationsForBudget": ("budgets:ViewBudget",),
    "budgets:DescribeSubscribersForNotification": ("budgets:ViewBudget",),
    "budgets:UpdateBudget": ("budgets:ModifyBudget",),
    "budgets:UpdateNotification": ("budgets:ModifyBudget",),
    "budgets:UpdateSubscriber": ("budgets:ModifyBudget",),
    "lambda:Invoke": ("lambda:InvokeFunction",),
    "s3:CompleteMultipartUpload": ("s3:PutObject",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3:CreateMultipartUpload": ("s3:PutObject",),
    "s3:DeleteBucketEncryption": ("s3:PutEncryptionConfiguration",),
    "s3:DeleteBucketLifecycle": ("s3:PutLifecycleConfiguration",),
    "s3:DeleteBucketOwnershipControls": ("s3:PutBucketOwnershipControls",),
    "s3:DeleteBucketTagging": ("s3:PutBucketTagging",),
    "s3:DeleteObjects": ("s3:DeleteObject",),
    "s3:DeletePublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    "s3:GetBucketAccelerateConfiguration": ("s3:GetAccelerateConfiguration",),
    "s3:GetBucketCors": ("s3:GetBucketCORS",),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
    "s3:GetBucketNotificationConfiguration": ("s3:GetBucketNotification",),
    "s3:GetBucketReplication": ("s3:GetReplicationConfiguration",),
    "s3:GetObjectLockConfiguration": ("s3:GetBucketObjectLockConfiguration",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjects": ("s3:ListBucket",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:PutBucketEncryption": ("s3:PutEncryptionConfiguration",),
    "s3:PutBucketLifecycleConfiguration": ("s3:PutLifecycleConfiguration",),
    "s3:PutPublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    "s3:UploadPart": ("s3:PutObject",),
}
"""IAM actions of operations that have no action of the same name."""


def iam_actions(service: str, operation: str) -> tuple[str, ...]:
    """Return the IAM actions that an operation needs.

    Args:
        service: The service's signing name, for example `monitoring`.
        operation: The operation's name in AWS's API reference.
    """
    called = f"{IAM_PREFIXES.get(service, service)}:{operation}"
    if called in UNRESTRICTED_ACTIONS:
        return ()
    return IAM_ACTION_NAMES.get(called, (called,))
