"""Rules for tags, which each service carries in its own parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.aws.api_rules.rule import ApiRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.aws.api_rules.rule import Parameters

MOST_TAGS = 50
LONGEST_KEY, LONGEST_VALUE = 128, 256
_TAGGED_BY_LIST = (
    "autoscaling:CreateAutoScalingGroup",
    "autoscaling:CreateOrUpdateTags",
    "dynamodb:CreateTable",
    "events:PutRule",
    "iam:CreateInstanceProfile",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreatePolicy",
    "iam:CreateRole",
    "iam:TagPolicy",
    "iam:TagRole",
    "kms:CreateKey",
    "kms:TagResource",
    "monitoring:PutMetricAlarm",
    "sns:CreateTopic",
    "sns:TagResource",
    "ssm:CreateDocument",
    "ssm:PutParameter",
)
_TAGGED_BY_MAP = ("lambda:CreateFunction", "logs:CreateLogGroup", "sqs:CreateQueue")
_TAGGED_BY_SPECIFICATION = (
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateInternetGateway",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateTags",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
    "ec2:RunInstances",
)
_EC2_LIMITS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions"
_GENERAL_LIMITS = "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html"


def tag_lists(parameters: Parameters) -> Iterator[list[tuple[str, str]]]:
    """Yield each resource's tags, as pairs."""
    template: dict[str, Any] = parameters.get("LaunchTemplateData") or {}
    for specification in (*parameters.get("TagSpecifications", ()), *template.get("TagSpecifications", ())):
        yield [(tag.get("Key", ""), tag.get("Value", "")) for tag in specification.get("Tags", ())]
    for name in ("Tags", "tags"):
        given = parameters.get(name) or []
        if isinstance(given, dict):
            yield list(given.items())
        else:
            # KMS has names of its own.
            yield [(tag.get("Key", tag.get("TagKey", "")), tag.get("Value", tag.get("TagValue", ""))) for tag in given]


def _find_reserved_key(parameters: Parameters) -> str:
    reserved = [key for tags in tag_lists(parameters) for key, _ in tags if key.lower().startswith("aws:")]
    return f"Tag keys starting with 'aws:' are reserved for internal use: {reserved[0]}" if reserved else ""


def _find_excess(parameters: Parameters) -> str:
    if any(len(tags) > MOST_TAGS for tags in tag_lists(parameters)):
        return f"The maximum number of tags on a resource is {MOST_TAGS}."
    return ""


def _find_long_text(parameters: Parameters) -> str:
    for key, value in (tag for tags in tag_lists(parameters) for tag in tags):
        if not 1 <= len(key) <= LONGEST_KEY:
            return f"Tag key exceeds the maximum length of {LONGEST_KEY} characters, or is empty: '{key}'"
        if len(value) > LONGEST_VALUE:
            return f"Tag value exceeds the maximum length of {LONGEST_VALUE} characters: '{value}'"
    return ""


def _find_repeated_key(parameters: Parameters) -> str:
    for tags in tag_lists(parameters):
        keys = [key for key, _ in tags]
        repeated = next((key for key in keys if keys.count(key) > 1), None)
        if repeated is not None:
            return f"Duplicate tag key '{repeated}' specified."
    return ""


def _find_repeated_role_key(parameters: Parameters) -> str:
    for tags in tag_lists(parameters):
        keys = [key.lower() for key, _ in tags]
        if len(set(keys)) < len(keys):
            return "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    return ""


TAG_RULES = (
    ApiRule(
        name="EC2's tag keys do not start with aws:",
        operations=_TAGGED_BY_SPECIFICATION,
        code="InvalidParameterValue",
        find_fault=_find_reserved_key,
        source=_EC2_LIMITS,
    ),
    ApiRule(
        name="EC2's resources have at most 50 tags",
        operations=_TAGGED_BY_SPECIFICATION,
        code="TagLimitExceeded",
        find_fault=_find_excess,
        source=_EC2_LIMITS,
    ),
    ApiRule(
        name="EC2's tags have keys of 1 to 128 characters, and values of up to 256",
        operations=_TAGGED_BY_SPECIFICATION,
        code="InvalidParameterValue",
        find_fault=_find_long_text,
        source=_EC2_LIMITS,
    ),
    ApiRule(
        name="EC2's resources have each tag key once",
        operations=_TAGGED_BY_SPECIFICATION,
        code="InvalidParameterValue",
        find_fault=_find_repeated_key,
        source=_EC2_LIMITS,
    ),
    ApiRule(
        name="tag keys of other services do not start with aws:",
        operations=(*_TAGGED_BY_LIST, *_TAGGED_BY_MAP),
        code="ValidationException",
        find_fault=_find_reserved_key,
        source=_GENERAL_LIMITS,
    ),
    ApiRule(
        name="other resources have at most 50 tags",
        operations=(*_TAGGED_BY_LIST, *_TAGGED_BY_MAP),
        code="ValidationException",
        find_fault=_find_excess,
        source=_GENERAL_LIMITS,
    ),
    ApiRule(
        name="IAM's tag keys differ in more than their case",
        operations=("iam:CreatePolicy", "iam:CreateRole", "iam:TagPolicy", "iam:TagRole"),
        code="InvalidInput",
        find_fault=_find_repeated_role_key,
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules",
    ),
)
