"""Physical names that keep each service's rules: a name is hashed or refused, never cut silently."""

from __future__ import annotations

import hashlib
import re

from infra.tags import PROJECT_NAME
from infra.texts import TextRule, check_text

CONFIG_NAMESPACE = "claudefs-infra"
"""The project's name in `Pulumi.yaml`, which prefixes its configuration keys."""

LOCAL_STACK = "local"
"""The stack on the emulated account of `make up`."""

LOG_GROUP_PREFIX = "/cfs"
"""Log groups are named `/cfs/<environment>/…`; the key encrypts no others."""

_HASH_LENGTH = 8

S3_BUCKET = TextRule(
    subject="S3 bucket",
    max_length=63,
    pattern=re.compile(
        r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)(?<!--x-s3)(?<!--table-s3)"
    ),
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
)
IAM_ROLE = TextRule(
    subject="IAM role",
    max_length=64,
    pattern=re.compile(r"[\w+=,.@-]+", re.ASCII),
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
)
IAM_INSTANCE_PROFILE = TextRule(
    subject="IAM instance profile",
    max_length=128,
    pattern=re.compile(r"[\w+=,.@-]+", re.ASCII),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html",
)
IAM_POLICY = TextRule(
    subject="IAM policy",
    max_length=128,
    pattern=re.compile(r"[\w+=,.@-]+", re.ASCII),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html",
)
KMS_ALIAS = TextRule(
    subject="KMS alias",
    max_length=256,
    pattern=re.compile(r"alias/(?!aws/)[A-Za-z0-9/_-]+"),
    source="https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
)
LOG_GROUP = TextRule(
    subject="CloudWatch log group",
    max_length=512,
    pattern=re.compile(r"(?!aws/)[A-Za-z0-9_/.#-]+"),
    source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
)
SNS_TOPIC = TextRule(
    subject="SNS topic",
    max_length=256,
    pattern=re.compile(r"[A-Za-z0-9_-]+"),
    source="https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html",
)
BUDGET = TextRule(
    subject="budget",
    max_length=100,
    pattern=re.compile(r"[^:\\/]+"),
    source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html",
)
EVENT_RULE = TextRule(
    subject="EventBridge rule",
    max_length=64,
    pattern=re.compile(r"[.A-Za-z0-9_-]+"),
    source="https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html",
)
SSM_DOCUMENT = TextRule(
    subject="SSM document",
    max_length=128,
    pattern=re.compile(r"(?!aws|amazon|amzn)[A-Za-z0-9_.-]{3,}", re.IGNORECASE),
    source="https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html",
)
SCHEDULE_GROUP = TextRule(
    subject="EventBridge Scheduler group",
    max_length=64,
    pattern=re.compile(r"[0-9A-Za-z_.-]+"),
    source="https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html",
)
LAUNCH_TEMPLATE = TextRule(
    subject="launch template",
    max_length=128,
    pattern=re.compile(r"[a-zA-Z0-9().\-/_]{3,}"),
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html",
)
AUTO_SCALING_GROUP = TextRule(
    subject="Auto Scaling group",
    max_length=255,
    pattern=re.compile(r"[^:]+"),
    source="https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html",
)


def physical_name(rule: TextRule, *parts: str) -> str:
    """Join `parts` with hyphens to a name that `rule` accepts.

    A name that is too long keeps its beginning and ends in a hash of the whole, so that two long names
    never become one.

    Raises:
        InvalidTextError: The name has characters that the service refuses.
    """
    whole = "-".join(parts)
    name = whole
    if len(whole) > rule.max_length:
        digest = hashlib.sha256(whole.encode()).hexdigest()[:_HASH_LENGTH]
        name = f"{whole[: rule.max_length - _HASH_LENGTH - 1].rstrip('-.')}-{digest}"
    return check_text(rule, name)


def document_name(environment: str, purpose: str) -> str:
    """Name an environment's document, of either type: they share one space of names."""
    return physical_name(SSM_DOCUMENT, PROJECT_NAME, environment, purpose)


def alert_topic_name(environment: str) -> str:
    """Return the name of the topic that alerts are published to."""
    return physical_name(SNS_TOPIC, PROJECT_NAME, environment, "budget-alerts")


def scaling_group_name(environment: str, node_group: str) -> str:
    """Return the name of a node group's Auto Scaling group."""
    return physical_name(AUTO_SCALING_GROUP, PROJECT_NAME, environment, node_group)
