"""The access that EC2 calls require: EC2 checks each resource of a call separately, by its type.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.aws.iam.access_requests import pass_role, requested_tags, tag_context, use_key
from local.aws.iam.account import (
    ACCOUNT_ID,
    association_resource,
    ec2_tags,
    ec2_vpc,
    find_profile_role,
    find_template_data,
)
from local.aws.iam.conditions import RequestContext
from local.aws.iam.evaluation import AccessRequest
from local.aws.iam.resources import ANYTHING, resource_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local.aws.iam.access_requests import ContextValues
    from local.aws.iam.api_request import ApiRequest

_ID = re.compile(r"([a-z]+)-[0-9a-f]+")
_TYPES: Mapping[str, str] = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "key": "key-pair",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "sir": "spot-instances-request",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
"""EC2's resource types by ID prefix."""

_ASSOCIATION = "assoc-"
_OF_NO_ACCOUNT = ("image", "snapshot")
_LAUNCH = "ec2:RunInstances"
_IMAGE_PARAMETER = "resolve:ssm:"
_DISK_KEY_USES = ("kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant")
"""https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html"""


def ec2_access(request: ApiRequest) -> Iterator[AccessRequest]:
    """Yield the access that an EC2 call requires."""
    if request.operation == "RunInstances":
        yield from launch_access(request, request.parameters)
        return
    named = _named_ids(request)
    if any(_ASSOCIATION in one for one in named):
        # The association is gone, so there is no resource to check; EC2 answers that it does not exist.
        return
    for action in request.actions:
        types = resource_types(action)
        created = [type_ for type_, row in types.items() if _is_created(row)]
        used = [one for one in named if _id_type(one) in types]
        if "vpc" in types and "vpc" not in {*map(_id_type, used), *created}:
            used += [vpc for one in used if (vpc := ec2_vpc(one, request.region))]
        for id_ in dict.fromkeys(used):
            yield _on_used(request, action, id_)
        wanted = [type_ for type_ in created if types[type_]["required"] or _specified_tags(request.parameters, type_)]
        for type_ in wanted:
            yield from _on_created(request, action, type_, _specified_tags(request.parameters, type_))
        missing = [type_ for type_, row in types.items() if row["required"] and not _is_created(row)]
        for type_ in {*missing}.difference(map(_id_type, used)):
            yield _request(request, action, _resource_arn(request, type_, ANYTHING), {})
        if not (used or wanted or missing):
            yield _request(request, action, ANYTHING, tag_context(requested_tags(request.parameters)))


def launch_access(request: ApiRequest, launch: Mapping[str, Any]) -> Iterator[AccessRequest]:
    """Yield the access required to launch instances by `RunInstances` or, on behalf of a caller, by Auto Scaling.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
    """
    template = find_template_data(launch.get("LaunchTemplate") or {}, request.region)
    told = {**(template[1] if template else {}), **{key: value for key, value in launch.items() if value}}
    disks = [mapping["Ebs"] for mapping in _items(told, "BlockDeviceMappings") if mapping.get("Ebs")]
    encrypted = all(str(disk.get("Encrypted")).lower() == "true" for disk in disks) and bool(disks)
    facts = {
        "instance": {
            "ec2:MetadataHttpTokens": (told.get("MetadataOptions") or {}).get("HttpTokens", "optional"),
            "ec2:InstanceType": told.get("InstanceType", ""),
        },
        "volume": {"ec2:Encrypted": str(encrypted).lower()},
        "network-interface": {},
    }
    if (told.get("InstanceMarketOptions") or {}).get("MarketType") == "spot":
        facts["spot-instances-request"] = {}
    for type_, context in facts.items():
        yield from _on_created(request, _LAUNCH, type_, _specified_tags(told, type_), by="RunInstances", **context)
    for id_ in _launch_ids(told, template[0] if template else ""):
        yield _on_used(request, _LAUNCH, id_)
    image = str(told.get("ImageId", ""))
    if image.startswith(_IMAGE_PARAMETER):
        name = image.removeprefix(_IMAGE_PARAMETER)
        parameter = request.regional_arn(
            "ssm", f"parameter{name}", account="" if name.startswith("/aws/") else ACCOUNT_ID
        )
        yield _request(request, "ssm:GetParameters", parameter, {})
        yield _request(request, _LAUNCH, _resource_arn(request, "image", ANYTHING), {})
    profile = told.get("IamInstanceProfile") or {}
    if role := find_profile_role(profile.get("Arn") or profile.get("Name") or ""):
        yield pass_role(role.arn, "ec2.amazonaws.com")
    for key in dict.fromkeys(disk["KmsKeyId"] for disk in disks if disk.get("KmsKeyId")):
        for action in _DISK_KEY_USES if request.service == "ec2" else ():
            for_resource = {"GrantIsForAWSResource": "true"} if action == "kms:CreateGrant" else {}
            yield from use_key(action, key, service="ec2", region=request.region, **for_resource)


def group_launch_access(request: ApiRequest) -> Iterator[AccessRequest]:
    """Yield the access that EC2 checks when an Auto Scaling group with a launch template is created or changed."""
    mixed = (request.parameters.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    template = request.parameters.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    if template:
        subnets = str(request.parameters.get("VPCZoneIdentifier") or "").split(",")
        for subnet in subnets:
            yield from launch_access(request, {"LaunchTemplate": template, "SubnetId": subnet.strip()})


def _launch_ids(launch: Mapping[str, Any], template: str) -> tuple[str, ...]:
    """Return the IDs of existing resources that a launch uses."""
    interfaces = _items(launch, "NetworkInterfaces")
    subnets = [launch.get("SubnetId"), *(one.get("SubnetId") for one in interfaces)]
    groups = [
        *_items(launch, "SecurityGroupIds"),
        *(group for one in interfaces for group in (*_items(one, "Groups"), *_items(one, "SecurityGroupId"))),
    ]
    found = [*subnets, *groups, template, str(launch.get("ImageId", ""))]
    return tuple(dict.fromkeys(one for one in found if one and _id_type(one)))


def _items(parameters: Mapping[str, Any], name: str) -> Sequence[Any]:
    """Return a list parameter; in launch templates, moto stores some under the singular name of the query."""
    found = parameters.get(name) or parameters.get(name.removesuffix("s")) or ()
    return found if isinstance(found, list) else tuple(found)


def _named_ids(request: ApiRequest) -> list[str]:
    """Return the IDs in a request; an association's ID is replaced by its resource's."""
    ids: list[str] = []
    for value in request.parameters.values():
        ids += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    template = find_template_data(request.parameters, request.region)
    ids += [template[0]] if template else []
    return [association_resource(one, request.region) or one for one in ids]


def _id_type(id_: str) -> str:
    found = _ID.fullmatch(id_)
    return _TYPES.get(found[1], "") if found else ""


def _is_created(row: Mapping[str, Any]) -> bool:
    """Return whether an action creates resources of a type: it sets tags, and there are no existing ones to check."""
    keys = row["condition_keys"]
    return "aws:RequestTag/${TagKey}" in keys and "aws:ResourceTag/${TagKey}" not in keys


def _specified_tags(parameters: Mapping[str, Any], type_: str) -> dict[str, str]:
    """Return the tags in a request for new resources of a type."""
    specifications = _items(parameters, "TagSpecifications")
    tags = (_items(one, "Tags") for one in specifications if one.get("ResourceType") == type_)
    return {tag["Key"]: tag.get("Value", "") for listed in tags for tag in listed}


def _on_used(request: ApiRequest, action: str, id_: str) -> AccessRequest:
    type_, tags = _id_type(id_), ec2_tags(id_, request.region)
    context: ContextValues = tag_context(requested_tags(request.parameters))
    for key, value in tags.items():
        context |= {f"aws:ResourceTag/{key}": value, f"ec2:ResourceTag/{key}": value}
    if type_ == "instance":
        context["ec2:InstanceID"] = id_
    if vpc := ec2_vpc(id_, request.region):
        context["ec2:Vpc"] = _resource_arn(request, "vpc", vpc)
    return _request(request, action, _resource_arn(request, type_, id_), context)


def _on_created(
    request: ApiRequest, action: str, type_: str, tags: Mapping[str, str], *, by: str = "", **context: str
) -> Iterator[AccessRequest]:
    arn, of_tags = _resource_arn(request, type_, ANYTHING), tag_context(tags)
    yield _request(request, action, arn, {**of_tags, **context})
    if tags:
        yield _request(request, "ec2:CreateTags", arn, {**of_tags, "ec2:CreateAction": by or request.operation})


def _resource_arn(request: ApiRequest, type_: str, name: str) -> str:
    account = "" if type_ in _OF_NO_ACCOUNT else ACCOUNT_ID
    return request.regional_arn("ec2", f"{type_}/{name}", account=account)


def _request(request: ApiRequest, action: str, resource: str, context: ContextValues) -> AccessRequest:
    return AccessRequest(
        action=action, resource=resource, context=RequestContext({**context, "ec2:Region": request.region})
    )
