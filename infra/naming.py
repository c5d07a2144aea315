"""Physical names that keep each service's rules: a name is hashed or refused, never cut silently."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

NAMESPACE = "claudefs-infra"
"""The project's name in `Pulumi.yaml`, which prefixes its configuration keys."""

_HASH_LENGTH = 8


class InvalidNameError(ValueError):
    """A name that a service would refuse; the message names the value and the rule."""


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """What a service accepts as a name.

    Attributes:
        service: Whose rule it is, for messages.
        max_length: Longest name, in characters.
        pattern: What the whole name must match.
        source: Where the service documents the rule.
    """

    service: str
    max_length: int
    pattern: re.Pattern[str]
    source: str


S3_BUCKET = NameRule(
    service="S3 bucket",
    max_length=63,
    pattern=re.compile(
        r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)(?<!--x-s3)(?<!--table-s3)"
    ),
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
)
IAM_ROLE = NameRule(
    service="IAM role",
    max_length=64,
    pattern=re.compile(r"[\w+=,.@-]+", re.ASCII),
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
)
IAM_INSTANCE_PROFILE = NameRule(
    service="IAM instance profile",
    max_length=128,
    pattern=re.compile(r"[\w+=,.@-]+", re.ASCII),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html",
)
IAM_POLICY = NameRule(
    service="IAM policy",
    max_length=128,
    pattern=re.compile(r"[\w+=,.@-]+", re.ASCII),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html",
)
KMS_ALIAS = NameRule(
    service="KMS alias",
    max_length=256,
    pattern=re.compile(r"alias/(?!aws/)[A-Za-z0-9/_-]+"),
    source="https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
)
LOG_GROUP = NameRule(
    service="CloudWatch log group",
    max_length=512,
    pattern=re.compile(r"(?!aws/)[A-Za-z0-9_/.#-]+"),
    source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
)
SNS_TOPIC = NameRule(
    service="SNS topic",
    max_length=256,
    pattern=re.compile(r"[A-Za-z0-9_-]+"),
    source="https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html",
)
BUDGET = NameRule(
    service="budget",
    max_length=100,
    pattern=re.compile(r"[^:\\/]+"),
    source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html",
)
EVENT_RULE = NameRule(
    service="EventBridge rule",
    max_length=64,
    pattern=re.compile(r"[.A-Za-z0-9_-]+"),
    source="https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html",
)
SSM_DOCUMENT = NameRule(
    service="SSM document",
    max_length=128,
    pattern=re.compile(r"(?!aws|amazon|amzn)[A-Za-z0-9_.-]{3,}", re.IGNORECASE),
    source="https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html",
)
SCHEDULE_GROUP = NameRule(
    service="EventBridge Scheduler group",
    max_length=64,
    pattern=re.compile(r"[0-9A-Za-z_.-]+"),
    source="https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html",
)
LAUNCH_TEMPLATE = NameRule(
    service="launch template",
    max_length=128,
    pattern=re.compile(r"[a-zA-Z0-9().\-/_]{3,}"),
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html",
)
AUTO_SCALING_GROUP = NameRule(
    service="Auto Scaling group",
    max_length=255,
    pattern=re.compile(r"[^:]+"),
    source="https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html",
)


def physical_name(rule: NameRule, *parts: str) -> str:
    """Join `parts` with hyphens to a name that `rule` accepts.

    A name that is too long keeps its beginning and ends in a hash of the whole, so that two long names
    never become one.

    Raises:
        InvalidNameError: The name has characters that the service refuses.
    """
    whole = "-".join(parts)
    name = whole
    if len(whole) > rule.max_length:
        digest = hashlib.sha256(whole.encode()).hexdigest()[:_HASH_LENGTH]
        name = f"{whole[: rule.max_length - _HASH_LENGTH - 1].rstrip('-.')}-{digest}"
    if not rule.pattern.fullmatch(name):
        message = f"{rule.service} name {name!r} does not match {rule.pattern.pattern} ({rule.source})"
        raise InvalidNameError(message)
    return name
