"""The access that a call requires: each action on each resource, with AWS's condition keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import jmespath

from local.aws.iam.account import (
    ACCOUNT_ID,
    anomaly_tags,
    ec2_tags,
    find_bucket,
    find_document_role,
    find_group,
    find_key,
    find_role,
    find_secret,
    find_topic,
)
from local.aws.iam.conditions import RequestContext
from local.aws.iam.evaluation import AccessRequest, Policy, PolicyKind
from local.aws.iam.resources import touched_resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local.aws.iam.api_request import ApiRequest

    ContextValues = dict[str, str | Sequence[str]]

_CREATION_TAGGING: Mapping[str, str] = {
    "autoscaling:CreateAutoScalingGroup": "autoscaling:CreateOrUpdateTags",
    "budgets:ModifyBudget": "budgets:TagResource",
    "cloudwatch:PutMetricAlarm": "cloudwatch:TagResource",
    "dynamodb:CreateTable": "dynamodb:TagResource",
    "events:PutRule": "events:TagResource",
    "iam:CreateInstanceProfile": "iam:TagInstanceProfile",
    "iam:CreateOpenIDConnectProvider": "iam:TagOpenIDConnectProvider",
    "iam:CreatePolicy": "iam:TagPolicy",
    "iam:CreateRole": "iam:TagRole",
    "kms:CreateKey": "kms:TagResource",
    "lambda:CreateFunction": "lambda:TagResource",
    "logs:CreateLogGroup": "logs:TagResource",
    "s3:CreateBucket": "s3:TagResource",
    "scheduler:CreateScheduleGroup": "scheduler:TagResource",
    "sns:CreateTopic": "sns:TagResource",
    "sqs:CreateQueue": "sqs:TagQueue",
    "ssm:CreateDocument": "ssm:AddTagsToResource",
    "ssm:PutParameter": "ssm:AddTagsToResource",
}
"""Additional action that a creation with tags requires."""

_PASSED_ROLES = {
    action: (jmespath.compile(roles), service)
    for action, (roles, service) in {
        "autoscaling:PutLifecycleHook": ("[RoleARN]", "autoscaling.amazonaws.com"),
        "events:PutTargets": ("Targets[].RoleArn", "events.amazonaws.com"),
        "iam:AddRoleToInstanceProfile": ("[RoleName]", "ec2.amazonaws.com"),
        "lambda:CreateFunction": ("[Role]", "lambda.amazonaws.com"),
        "lambda:UpdateFunctionConfiguration": ("[Role]", "lambda.amazonaws.com"),
        "scheduler:CreateSchedule": ("[Target.RoleArn]", "scheduler.amazonaws.com"),
        "scheduler:UpdateSchedule": ("[Target.RoleArn]", "scheduler.amazonaws.com"),
        "ssm:SendCommand": ("[ServiceRoleArn]", "ssm.amazonaws.com"),
        "ssm:StartAutomationExecution": ("Parameters.AutomationAssumeRole", "ssm.amazonaws.com"),
    }.items()
}
"""JMESPath of the role that an action passes, and the service that receives it."""

_S3_KEY_USES: Mapping[str, tuple[str, ...]] = {
    "s3:GetObject": ("kms:Decrypt",),
    "s3:PutObject": ("kms:GenerateDataKey",),
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms"""


def service_access(request: ApiRequest) -> Iterator[AccessRequest]:
    """Yield the access that a call of any service except EC2 requires."""
    for action in request.actions:
        for resource in touched_resources(request, action):
            context = _resource_context(request, resource) | _request_context(request, action)
            yield AccessRequest(action=action, resource=resource, context=RequestContext(context))
            if action == "s3:GetObject" and not _object_exists(resource):
                # S3 reports that an object is missing only to principals that may list the bucket:
                # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
                yield AccessRequest(action="s3:ListBucket", resource=resource.partition("/")[0])
        yield from _used_keys(request, action)
        tagging = _CREATION_TAGGING.get(action)
        if tagging and requested_tags(request.parameters):
            for resource in touched_resources(request, tagging):
                context = tag_context(requested_tags(request.parameters))
                yield AccessRequest(action=tagging, resource=resource, context=RequestContext(context))
        yield from _passed_roles(request, action)


def pass_role(role: str, service: str) -> AccessRequest:
    """Return the access required to pass a role to a service."""
    found = find_role(role)
    arn = str(found.arn) if found else role
    return AccessRequest(action="iam:PassRole", resource=arn, context=RequestContext({"iam:PassedToService": service}))


def use_key(action: str, key: str, *, service: str, region: str, **context: str) -> Iterator[AccessRequest]:
    """Yield the access required for a service to use a customer managed key; AWS managed keys require none."""
    found = find_key(key, region)
    if found is not None and found.key_manager == "CUSTOMER":
        keys = {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:CallerAccount": ACCOUNT_ID}
        named = {f"kms:{name}": value for name, value in context.items()}
        yield AccessRequest(action=action, resource=found.arn, context=RequestContext(keys | named))


def requested_tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags in a request."""
    for name in ("Tags", "tags", "ResourceTags", "CreateBucketConfiguration"):
        tags = parameters.get(name)
        if isinstance(tags, dict) and name in ("Tags", "tags"):
            return tags
        listed = tags.get("Tags") if isinstance(tags, dict) else tags
        if listed:
            return {tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue", "")) for tag in listed}
    return {}


def tag_context(tags: Mapping[str, str]) -> ContextValues:
    """Return the condition keys of the tags in a request."""
    context: ContextValues = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return context | ({"aws:TagKeys": tuple(tags)} if tags else {})


def find_resource_policy(access: AccessRequest) -> Policy | None:
    """Return the policy of the accessed resource, or None."""
    _, _, service, region, _, name = access.resource.split(":", 5) if access.resource != "*" else [""] * 6
    kind, document = PolicyKind.RESOURCE, None
    if service == "s3" and (bucket := find_bucket(name.partition("/")[0])):
        document = bucket.policy
    elif service == "kms" and name.startswith("key/") and (key := find_key(name, region)):
        document = key.policy
    elif service == "sns" and (topic := find_topic(access.resource, region)):
        document = topic.policy
    elif access.action.startswith("sts:AssumeRole"):
        role = find_role(name)
        # A missing role trusts nobody.
        kind, document = PolicyKind.TRUST, role.assume_role_policy_document if role else '{"Statement": []}'
    if not document:
        return None
    text = document.decode() if isinstance(document, bytes) else str(document)
    return Policy(kind=kind, name=access.resource, document=text)


def _request_context(request: ApiRequest, action: str) -> ContextValues:
    """Return the condition keys from a request."""
    parameters, context = request.parameters, tag_context(requested_tags(request.parameters))
    if keys := next((parameters[name] for name in ("TagKeys", "tagKeys", "ResourceTagKeys") if name in parameters), ()):
        context["aws:TagKeys"] = tuple(keys)
    for key, name in {
        "cloudwatch:namespace": "Namespace",
        "iam:AWSServiceName": "AWSServiceName",
        "iam:PolicyARN": "PolicyArn",
        "secretsmanager:SecretId": "SecretId",
        "sts:ExternalId": "ExternalId",
        "sts:RoleSessionName": "RoleSessionName",
    }.items():
        if name in parameters and key.startswith(f"{request.service}:"):
            context[key] = parameters[name]
    if action.startswith("s3:"):
        context |= {f"s3:{name}": value for name, value in request.query.items()}
        context |= {
            f"s3:{name}": value
            for name, value in request.headers.items()
            if name.startswith(("x-amz-", "if-match", "if-none-match"))
        }
    if action.startswith("kms:"):
        encryption = parameters.get("EncryptionContext") or {}
        context |= {f"kms:EncryptionContext:{key}": value for key, value in encryption.items()}
        context |= {"kms:CallerAccount": ACCOUNT_ID, "kms:EncryptionContextKeys": tuple(encryption)}
        context["kms:GrantOperations"] = tuple(parameters.get("Operations") or ())
    return context


def _resource_context(request: ApiRequest, resource: str) -> ContextValues:
    """Return the condition keys of a resource."""
    name = resource.rpartition("/")[2]
    if request.service == "iam" and ":role/" in resource:
        # For CreateRole, only the request counts, even if a role of the same name exists.
        role = None if "iam:CreateRole" in request.actions else find_role(name)
        boundary = request.parameters.get("PermissionsBoundary") or (role and role.permissions_boundary_arn)
        return {"iam:PermissionsBoundary": boundary} if boundary else {}
    tags: Mapping[str, str] = {}
    if ":autoScalingGroupName/" in resource and (group := find_group(name, request.region)):
        tags = {tag["Key"]: tag["Value"] for tag in group.tags}
    elif ":instance/" in resource:
        tags = ec2_tags(name, request.region)
    elif request.service == "ce":
        tags = anomaly_tags(resource)
    context: ContextValues = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return context | {f"{request.service}:resourceTag/{key}": value for key, value in tags.items()}


def _passed_roles(request: ApiRequest, action: str) -> Iterator[AccessRequest]:
    if action not in _PASSED_ROLES:
        return
    expression, service = _PASSED_ROLES[action]
    roles = list(expression.search(request.parameters) or ())
    if action == "ssm:StartAutomationExecution":
        roles.append(find_document_role(request.parameters["DocumentName"], request.region))
    yield from (pass_role(role, service) for role in dict.fromkeys(roles) if role)


def _used_keys(request: ApiRequest, action: str) -> Iterator[AccessRequest]:
    """Yield the access to KMS keys that the service requires on behalf of its caller."""
    if action in _S3_KEY_USES and request.method != "HEAD":
        key = _object_key(request, action)
        for used in _S3_KEY_USES[action]:
            yield from use_key(used, key, service="s3", region=request.region)
    elif action == "secretsmanager:GetSecretValue":
        secret = find_secret(request.parameters["SecretId"], request.region)
        if secret and secret.kms_key_id:
            yield from use_key("kms:Decrypt", secret.kms_key_id, service="secretsmanager", region=request.region)
    elif action == "sns:Publish":
        topic = find_topic(request.parameters.get("TopicArn", ""), request.region)
        for used in ("kms:GenerateDataKey", "kms:Decrypt") if topic and topic.kms_master_key_id else ():
            yield from use_key(used, topic.kms_master_key_id, service="sns", region=request.region)


def _object_exists(arn: str) -> bool:
    name, _, key = arn.rpartition(":::")[2].partition("/")
    bucket = find_bucket(name)
    return bucket is not None and key in bucket.keys


def _object_key(request: ApiRequest, action: str) -> str:
    """Return the KMS key of an existing object for a read, or the key for a new object for a write; "" for none."""
    copied = request.headers.get("x-amz-copy-source")
    path = unquote(copied) if copied and action == "s3:GetObject" else request.path
    name, _, key = path.strip("/").partition("/")
    bucket = find_bucket(name)
    if bucket is None:
        return ""
    if action == "s3:GetObject":
        found = bucket.keys.get(key.partition("?")[0])
        return (found.kms_key_id or "") if found else ""
    default = jmespath.search("Rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID", bucket.encryption or {})
    return request.headers.get("x-amz-server-side-encryption-aws-kms-key-id") or default or ""
