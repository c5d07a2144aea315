"""Every description, name and tag that the stack sends to AWS is one that the service accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from infra.network.ports import AllowedTraffic, Ports
from infra.tags import Tags
from infra.texts import IAM_DESCRIPTION, SECURITY_GROUP_DESCRIPTION, TAG_VALUE, InvalidTextError, TextRule, check_text
from tests.unit.infra.test_components import deploy, stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.infra.conftest import Recorder, Resource


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a service accepts: the lengths, in characters, and the pattern of the whole text."""

    least: int
    most: int
    pattern: str = r"[\s\S]*"


def of_model(service: str, operation: str, field: str) -> Limits:
    """Read the limits of a request's field from AWS's own model of the service, which botocore carries."""
    shape = _model(service).operation_model(operation).input_shape.members[field]
    limits = shape.metadata
    assert limits, f"the model of {service} says nothing about {operation}.{field}"
    pattern = _in_python(limits.get("pattern", r"[\s\S]*"))
    return Limits(least=limits.get("min", 0), most=limits.get("max", 1_000_000), pattern=pattern)


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _in_python(pattern: str) -> str:
    """Write a pattern of AWS's models, which are Java's, as Python has it."""
    for java, python in {r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF", "Z-_.": "Z_.-"}.items():
        pattern = pattern.replace(java, python)
    return pattern


EC2_DESCRIPTION = Limits(least=1, most=255, pattern=r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=;{}!$*]*")
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UserIdGroupPair.html, the narrowest of EC2's sets"""

TEXTS: dict[str, dict[str, Limits]] = {
    "aws:autoscaling/group:Group": {
        "name": of_model("autoscaling", "CreateAutoScalingGroup", "AutoScalingGroupName"),
    },
    "aws:autoscaling/lifecycleHook:LifecycleHook": {
        "name": of_model("autoscaling", "PutLifecycleHook", "LifecycleHookName"),
    },
    "aws:autoscaling/schedule:Schedule": {
        "scheduledActionName": of_model("autoscaling", "PutScheduledUpdateGroupAction", "ScheduledActionName"),
    },
    # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html
    "aws:budgets/budget:Budget": {"name": Limits(least=1, most=100, pattern=r"(?![^:\\]*/action/)[^:\\]+")},
    "aws:cloudwatch/eventRule:EventRule": {
        "name": of_model("events", "PutRule", "Name"),
        "description": of_model("events", "PutRule", "Description"),
    },
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
    "aws:cloudwatch/eventTarget:EventTarget": {"targetId": Limits(least=1, most=64, pattern=r"[\.\-_A-Za-z0-9]+")},
    "aws:cloudwatch/logGroup:LogGroup": {"name": of_model("logs", "CreateLogGroup", "logGroupName")},
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": {"name": of_model("logs", "PutMetricFilter", "filterName")},
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ResourcePolicy.html has no rule.
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": {"policyName": Limits(least=1, most=255, pattern=r"[\w-]+")},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {"name": of_model("cloudwatch", "PutMetricAlarm", "AlarmName")},
    # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalyMonitor.html
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": {"name": Limits(least=0, most=1024)},
    "aws:costexplorer/anomalySubscription:AnomalySubscription": {"name": Limits(least=0, most=1024)},
    # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
    "aws:dynamodb/table:Table": {"name": Limits(least=3, most=255, pattern=r"[a-zA-Z0-9_.-]+")},
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html
    "aws:ec2/launchTemplate:LaunchTemplate": {"name": Limits(least=3, most=128, pattern=r"[a-zA-Z0-9\(\)\.\-/_]+")},
    "aws:ec2/securityGroup:SecurityGroup": {"description": EC2_DESCRIPTION},
    "aws:iam/instanceProfile:InstanceProfile": {
        "name": of_model("iam", "CreateInstanceProfile", "InstanceProfileName"),
    },
    "aws:iam/policy:Policy": {
        "name": of_model("iam", "CreatePolicy", "PolicyName"),
        "description": of_model("iam", "CreatePolicy", "Description"),
    },
    "aws:iam/role:Role": {
        "name": of_model("iam", "CreateRole", "RoleName"),
        "description": of_model("iam", "CreateRole", "Description"),
    },
    "aws:iam/rolePolicy:RolePolicy": {"name": of_model("iam", "PutRolePolicy", "PolicyName")},
    "aws:kms/alias:Alias": {"name": of_model("kms", "CreateAlias", "AliasName")},
    "aws:kms/key:Key": {"description": of_model("kms", "CreateKey", "Description")},
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    "aws:s3/bucket:Bucket": {"bucket": Limits(least=3, most=63, pattern=r"[a-z0-9][a-z0-9.-]*[a-z0-9]")},
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    "aws:lambda/function:Function": {
        "name": Limits(least=1, most=64, pattern=r"[a-zA-Z0-9-_]+"),
        "description": of_model("lambda", "CreateFunction", "Description"),
    },
    "aws:scheduler/schedule:Schedule": {"name": of_model("scheduler", "CreateSchedule", "Name")},
    "aws:scheduler/scheduleGroup:ScheduleGroup": {"name": of_model("scheduler", "CreateScheduleGroup", "Name")},
    # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
    "aws:sns/topic:Topic": {"name": Limits(least=1, most=256, pattern=r"[A-Za-z0-9_-]+")},
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    "aws:sqs/queue:Queue": {"name": Limits(least=1, most=80, pattern=r"[A-Za-z0-9_-]+")},
    "aws:ssm/parameter:Parameter": {
        "name": of_model("ssm", "PutParameter", "Name"),
        "description": of_model("ssm", "PutParameter", "Description"),
    },
    "aws:ssm/document:Document": {"name": of_model("ssm", "CreateDocument", "Name")},
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {"description": EC2_DESCRIPTION},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {"description": EC2_DESCRIPTION},
}
"""The texts of each type that are the stack's own, and what AWS accepts as them."""

OWN_TEXTS = frozenset({"bucket", "description", "name", "policyName", "scheduledActionName", "targetId"})
"""Arguments that are texts of the resource itself; `bucket` is one of the bucket alone."""

TAG_KEY = Limits(least=1, most=128, pattern=r"(?!aws:)[\w .:/=+\-@]+")
TAG = Limits(least=1, most=256, pattern=r"[\w .:/=+\-@]+")
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html; EventBridge Scheduler accepts no empty value:
https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Tag.html"""

MOST_TAGS = 50
"""Tags of a resource: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions"""


def longest() -> Recorder:
    """Declare the stack with the longest names and with everything that a setting adds."""
    return deploy(
        environment="e" * 20,
        owner="o" * 256,
        costCenter="c" * 256,
        adminCidrs='["203.0.113.7/32", "2001:db8::/48"]',
        orchestratorHours="weekdays",
        nodeGroups='{"' + "g" * 24 + '": {"role": "storage", "site": "A", "count": 1}}',
    )


def own_texts(resource: Resource) -> dict[str, str]:
    """Return the texts of a resource that name or describe it."""
    names = OWN_TEXTS if resource.type.endswith(":Bucket") else OWN_TEXTS - {"bucket"}
    return {name: resource.inputs[name] for name in names & resource.inputs.keys()}


def tag_sets(resource: Resource) -> Iterator[dict[str, str]]:
    """Return each set of tags that a resource is declared with, for itself and for what it launches."""
    if resource.tags:
        yield resource.tags
    for specification in resource.inputs.get("tagSpecifications", []):
        yield specification["tags"]


def accepts(limits: Limits, text: str) -> bool:
    return limits.least <= len(text) <= limits.most and re.fullmatch(limits.pattern, text, re.ASCII) is not None


def of_aws(recorder: Recorder) -> list[Resource]:
    return [of for of in recorder.custom if of.type.startswith("aws:")]


def test_the_table_has_every_text_that_the_stack_declares() -> None:
    declared: dict[str, set[str]] = {}
    for resource in of_aws(longest()):
        if own_texts(resource):
            declared.setdefault(resource.type, set()).update(own_texts(resource))

    assert declared == {type_: set(texts) for type_, texts in TEXTS.items()}


@pytest.mark.parametrize("declared", [stack, longest])
def test_aws_accepts_every_name_and_description(declared: Any) -> None:
    refused = [
        f"{of.type} {of.name}: {name} {text!r}"
        for of in of_aws(declared())
        for name, text in own_texts(of).items()
        if not accepts(TEXTS[of.type][name], text)
    ]

    assert refused == []


@pytest.mark.parametrize("declared", [stack, longest])
def test_aws_accepts_every_tag_of_what_is_declared_and_launched(declared: Any) -> None:
    sets = [(f"{of.type} {of.name}", tags) for of in of_aws(declared()) for tags in tag_sets(of)]
    refused = [
        f"{where}: {key}={value}"
        for where, tags in sets
        for key, value in tags.items()
        if not (accepts(TAG_KEY, key) and accepts(TAG, value))
    ]

    assert refused == []
    assert len(sets) > len(declared().of("SecurityGroupIngressRule")) + 3 * len(declared().of("LaunchTemplate"))
    assert max(len(tags) for _, tags in sets) <= MOST_TAGS


@pytest.mark.parametrize("why", ["the clients' mounts", "90 % full", "a > b", "Übertragung", "", "x" * 256])
def test_a_rule_that_ec2_would_refuse_cannot_be_declared(why: str) -> None:
    ports = Ports(service="rpc", protocol="tcp", first=1, last=1)
    with pytest.raises(InvalidTextError, match="description of a security group"):
        AllowedTraffic(target="storage", source="client", ports=ports, reason=why)
    with pytest.raises(InvalidTextError, match="description of a security group"):
        Ports(service=why, protocol="tcp", first=1, last=1)


@pytest.mark.parametrize(
    "rule, text",
    [
        (SECURITY_GROUP_DESCRIPTION, 'the "other" site'),
        (SECURITY_GROUP_DESCRIPTION, "two\nlines"),
        (IAM_DESCRIPTION, "reads 1 € and never writes"),
        (IAM_DESCRIPTION, "x" * 1001),
        (TAG_VALUE, "a,b"),
        (TAG_VALUE, ""),
    ],
)
def test_a_refused_text_is_named_with_the_rule_and_its_source(rule: TextRule, text: str) -> None:
    with pytest.raises(InvalidTextError) as raised:
        check_text(rule, text)

    assert all(part in str(raised.value) for part in (rule.subject, repr(text), rule.source))


def test_a_tag_that_aws_would_refuse_cannot_be_declared() -> None:
    with pytest.raises(InvalidTextError, match="value of a tag"):
        Tags(environment="prod", owner="the team's").for_resource("vpc", role="network")
