"""Names that a service does not know yet, as IAM and S3 tell other services of new ones only after some seconds.

The rules apply while the account has delays. Principals of policies must exist at any time.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from local.aws.api_rules.access import policy_statements
from local.aws.api_rules.rule import ApiRule
from local.aws.conditions import ACCOUNT_CONDITIONS
from local.aws.iam.account import ACCOUNT_ID, find_bucket, find_iam_resource, find_role, service_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.aws.api_rules.rule import Parameters
    from local.aws.iam.account import IamCollection

SERVICE_SECONDS = 10.0
"""Typical time until another service knows a new role or profile."""

READ_SECONDS = 2.0
"""Typical time until a new resource can be read everywhere."""

_PRINCIPAL = re.compile(rf"arn:aws:iam::{ACCOUNT_ID}:(role|user)/(?:.*/)?([^/]+)")
_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"
_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel"


def _is_known(created: Any, *, seconds: float = SERVICE_SECONDS) -> bool:
    return ACCOUNT_CONDITIONS.has_passed(seconds, since=getattr(created, "known_since", None))


def _is_known_role(arn: str) -> bool:
    return not arn or _is_known(find_role(arn))


def _is_known_profile(name: str) -> bool:
    return _is_known(find_iam_resource("instance_profiles", name))


def _new_role(*path: str, message: str) -> Callable[[Parameters], str]:
    """Return a check of the role whose ARN is at a path of the parameters."""

    def find_fault(parameters: Parameters) -> str:
        found: Any = parameters
        for name in path:
            found = (found or {}).get(name)
        return "" if _is_known_role(found or "") else message

    return find_fault


def _find_new_rights(parameters: Parameters) -> str:
    role = find_role(parameters.get("Role", ""))
    granted = getattr(role, "granted_since", None)
    if not parameters.get("DeadLetterConfig") or ACCOUNT_CONDITIONS.has_passed(SERVICE_SECONDS, since=granted):
        return ""
    return "The provided execution role does not have permissions to call SendMessage on SQS"


def _profile_fault(profile: Parameters) -> str:
    name = (profile or {}).get("Name") or (profile or {}).get("Arn") or ""
    if _is_known_profile(name):
        return ""
    return f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"


def _find_new_profile(parameters: Parameters) -> str:
    return _profile_fault(parameters.get("IamInstanceProfile") or {})


def _find_new_profile_of_group(parameters: Parameters) -> str:
    mixed = (parameters.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    named = parameters.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    wanted = {named.get("LaunchTemplateId"), named.get("LaunchTemplateName")} - {None}
    for template in (of for ec2 in service_backends("ec2") for of in ec2.launch_templates.values()):
        if wanted & {template.id, template.name}:
            fault = _profile_fault(template.latest_version().data.get("IamInstanceProfile") or {})
            if fault:
                return f"You must use a valid fully-formed launch template. {fault}"
    return ""


def _unknown_principal(member: str, message: str) -> Callable[[Parameters], str]:
    """Return a check of the roles and users of this account that a policy names."""

    def find_fault(parameters: Parameters) -> str:
        unknown = next((arn for arn in _named_principals(parameters.get(member) or "") if not _exists(arn)), None)
        return message.format(arn=unknown) if unknown else ""

    return find_fault


def _named_principals(policy: str) -> Iterator[str]:
    try:
        statements = list(policy_statements(json.loads(policy)))
    except (ValueError, AttributeError):
        return
    for statement in statements:
        principal = statement.get("Principal")
        named = principal.get("AWS") or [] if isinstance(principal, dict) else []
        yield from [named] if isinstance(named, str) else named


def _exists(arn: str) -> bool:
    found = _PRINCIPAL.fullmatch(arn)
    if found is None:
        return True
    created = find_iam_resource("roles" if found[1] == "role" else "users", found[2])
    return created is not None and _is_known(created)


def _find_new_bucket(parameters: Parameters) -> str:
    bucket = find_bucket(parameters.get("Bucket", ""))
    return "" if _is_known(bucket, seconds=READ_SECONDS) else "The specified bucket does not exist"


def _unread_name(member: str, kind: str, collection: IamCollection) -> Callable[[Parameters], str]:
    """Return a check of a name that IAM itself does not know everywhere yet."""

    def find_fault(parameters: Parameters) -> str:
        name = str(parameters.get(member, "")).rpartition("/")[2]
        known = _is_known(find_iam_resource(collection, name), seconds=READ_SECONDS)
        return "" if known else f"The {kind} with name {name} cannot be found."

    return find_fault


_BUCKET_CALLS = tuple(
    f"s3:{call}"
    for call in (
        "HeadBucket",
        "PutBucketEncryption",
        "PutBucketLifecycleConfiguration",
        "PutBucketOwnershipControls",
        "PutBucketPolicy",
        "PutBucketVersioning",
        "PutPublicAccessBlock",
    )
)
_ABSENT = "404 Not Found"
PROPAGATION_RULES = (
    ApiRule(
        name="EC2 knows a new instance profile after some seconds",
        operations=("ec2:RunInstances", "ec2:AssociateIamInstanceProfile"),
        code="InvalidParameterValue",
        find_fault=_find_new_profile,
        source=_IAM,
    ),
    ApiRule(
        name="Auto Scaling knows a template's new instance profile after some seconds",
        operations=("autoscaling:CreateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"),
        code="ValidationError",
        find_fault=_find_new_profile_of_group,
        source=_IAM,
    ),
    ApiRule(
        name="Lambda knows a new role after some seconds",
        operations=("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"),
        code="InvalidParameterValueException",
        find_fault=_new_role("Role", message="The role defined for the function cannot be assumed by Lambda."),
        source=_IAM,
    ),
    ApiRule(
        name="Lambda knows a role's right to send to a queue after some seconds",
        operations=("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"),
        code="InvalidParameterValueException",
        find_fault=_find_new_rights,
        source=_IAM,
    ),
    ApiRule(
        name="Scheduler knows a new role after some seconds",
        operations=("scheduler:CreateSchedule", "scheduler:UpdateSchedule"),
        code="ValidationException",
        find_fault=_new_role(
            "Target",
            "RoleArn",
            message="The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        ),
        source=_IAM,
    ),
    ApiRule(
        name="bucket policies name known principals",
        operations=("s3:PutBucketPolicy",),
        code="MalformedPolicy",
        find_fault=_unknown_principal("Policy", "Invalid principal in policy"),
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-principal-intro.html",
    ),
    ApiRule(
        name="key policies name known principals",
        operations=("kms:CreateKey", "kms:PutKeyPolicy"),
        code="MalformedPolicyDocumentException",
        find_fault=_unknown_principal("Policy", "Policy contains a statement with one or more invalid principals."),
        source="https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html",
    ),
    ApiRule(
        name="trust policies of new roles name known principals",
        operations=("iam:CreateRole",),
        code="MalformedPolicyDocument",
        find_fault=_unknown_principal("AssumeRolePolicyDocument", 'Invalid principal in policy: "AWS":"{arn}"'),
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    ),
    ApiRule(
        name="trust policies name known principals",
        operations=("iam:UpdateAssumeRolePolicy",),
        code="MalformedPolicyDocument",
        find_fault=_unknown_principal("PolicyDocument", 'Invalid principal in policy: "AWS":"{arn}"'),
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    ),
    ApiRule(
        name="a new bucket can be configured after a moment",
        operations=_BUCKET_CALLS,
        code="NoSuchBucket",
        find_fault=_find_new_bucket,
        source=_S3,
        status=_ABSENT,
    ),
    ApiRule(
        name="a new role can be read after a moment",
        operations=("iam:GetRole",),
        code="NoSuchEntity",
        find_fault=_unread_name("RoleName", "role", "roles"),
        source=_IAM,
        status=_ABSENT,
    ),
    ApiRule(
        name="a new instance profile can be read after a moment",
        operations=("iam:GetInstanceProfile",),
        code="NoSuchEntity",
        find_fault=_unread_name("InstanceProfileName", "instance profile", "instance_profiles"),
        source=_IAM,
        status=_ABSENT,
    ),
    ApiRule(
        name="a new managed policy can be read after a moment",
        operations=("iam:GetPolicy",),
        code="NoSuchEntity",
        find_fault=_unread_name("PolicyArn", "policy", "managed_policies"),
        source=_IAM,
        status=_ABSENT,
    ),
)
