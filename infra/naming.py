"""Physical names that obey each service's rules: a long name is shortened with a hash, an invalid one is refused."""

from __future__ import annotations

import hashlib
import re

from infra.tags import PROJECT_NAME
from infra.texts import TextRule, check_text

CONFIG_NAMESPACE = "claudefs-infra"
"""The project's name in `Pulumi.yaml`, which prefixes its configuration keys."""

LOCAL_STACK = "local"
"""Name of the stack that `make up` deploys on the emulated account."""

LOG_GROUP_PREFIX = "/cfs"
"""Log groups are named `/cfs/<environment>/…`; the KMS key encrypts no other log groups."""

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
LAMBDA_FUNCTION = TextRule(
    subject="Lambda function",
    max_length=64,
    pattern=re.compile(r"[a-zA-Z0-9_-]+"),
    source="https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html",
)
DYNAMODB_TABLE = TextRule(
    subject="DynamoDB table",
    max_length=255,
    pattern=re.compile(r"[a-zA-Z0-9_.-]{3,}"),
    source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html",
)
SQS_QUEUE = TextRule(
    subject="SQS queue",
    max_length=80,
    pattern=re.compile(r"[a-zA-Z0-9_-]+"),
    source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
)
METRIC_ALARM = TextRule(
    subject="CloudWatch alarm",
    max_length=255,
    pattern=re.compile(r"[ -~]+"),
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
)
DASHBOARD = TextRule(
    subject="CloudWatch dashboard",
    max_length=255,
    pattern=re.compile(r"[A-Za-z0-9_-]+"),
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html",
)
SSM_PARAMETER = TextRule(
    subject="SSM parameter",
    max_length=1011,
    pattern=re.compile(r"(?!aws|ssm)[a-zA-Z0-9_./-]+", re.IGNORECASE),
    source="https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html",
)
COST_ANOMALY_NAME = TextRule(
    subject="cost anomaly monitor or subscription",
    max_length=1024,
    pattern=re.compile(r"[\S\s]+"),
    source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalyMonitor.html",
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
    """Join `parts` with hyphens into a name that `rule` accepts.

    A name that is too long is cut and ends in a hash of the full name, so two long names stay different.

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
    """Return the name of an SSM document; Command and Automation documents share one namespace."""
    return physical_name(SSM_DOCUMENT, PROJECT_NAME, environment, purpose)


def alert_topic_name(environment: str) -> str:
    """Return the name of the topic that alerts are published to."""
    return physical_name(SNS_TOPIC, PROJECT_NAME, environment, "budget-alerts")


def guard_function_name(environment: str) -> str:
    """Return the name of the cost guard's function."""
    return physical_name(LAMBDA_FUNCTION, PROJECT_NAME, environment, "guard")


def guard_table_name(environment: str) -> str:
    """Return the name of the cost guard's ledger."""
    return physical_name(DYNAMODB_TABLE, PROJECT_NAME, environment, "guard-ledger")


def guard_queue_name(environment: str) -> str:
    """Return the name of the queue of events that the cost guard failed to handle."""
    return physical_name(SQS_QUEUE, PROJECT_NAME, environment, "guard-failures")


def agents_mode_name(environment: str) -> str:
    """Return the name of the parameter with the agents' mode: `normal`, `economy` or `paused`."""
    return physical_name(SSM_PARAMETER, PROJECT_NAME, environment, "agents-mode")


def schedule_group_name(environment: str) -> str:
    """Return the name of the group of schedules that start and stop the orchestrator."""
    return physical_name(SCHEDULE_GROUP, PROJECT_NAME, environment, "orchestrator-hours")


def dashboard_name(environment: str, board: str) -> str:
    """Return the name of a dashboard."""
    return physical_name(DASHBOARD, PROJECT_NAME, environment, board)


def scaling_group_name(environment: str, node_group: str) -> str:
    """Return the name of a node group's Auto Scaling group."""
    return physical_name(AUTO_SCALING_GROUP, PROJECT_NAME, environment, node_group)
