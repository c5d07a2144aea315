"""Rules of EC2: descriptions, names, user data, disks and ports."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from local.aws.api_rules.rule import ApiRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.aws.api_rules.rule import Parameters

MOST_USER_DATA_BYTES = 16384
ACCEPTED = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
"""Allowed characters of descriptions, as listed in EC2's error message."""

_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
_TEMPLATE_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
_GP3_IOPS_PER_GIB, _GP3_LEAST_IOPS = 500, 3000
_MOST_IOPS_PER_THROUGHPUT = 4
"""gp3 has at most 1 MiB/s for 4 IOPS."""

_MOST_INTERFACE_GROUPS = 5
_VPC_PREFIXES = range(16, 29)
_PORTLESS_PROTOCOL = "-1"
_RULE_CALLS = (
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:ModifySecurityGroupRules",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
)
_TEMPLATE_CALLS = ("ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion")
_API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference"


def _find_group_description(parameters: Parameters) -> str:
    return _description_fault("security group", parameters.get("Description", parameters.get("GroupDescription", "")))


def _find_rule_description(parameters: Parameters) -> str:
    descriptions = (source.get("Description") or "" for source in _rule_sources(parameters))
    return next(filter(None, (_description_fault("rule", text) for text in descriptions)), "")


def _description_fault(subject: str, description: str) -> str:
    if _DESCRIPTION.fullmatch(description):
        return ""
    # The words are EC2's: https://github.com/aws-cloudformation/cfn-lint/issues/173
    return (
        f"Invalid {subject} description. Valid descriptions are strings less than 256 characters"
        f" from the following set: {ACCEPTED}"
    )


def _rule_sources(parameters: Parameters) -> Iterator[dict[str, Any]]:
    for permission in parameters.get("IpPermissions", ()):
        for kind in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
            yield from permission.get(kind, ())
    for change in parameters.get("SecurityGroupRules", ()):
        yield change.get("SecurityGroupRule") or {}


def _find_group_name(parameters: Parameters) -> str:
    name = parameters.get("GroupName", "")
    if name.startswith("sg-"):
        return f"Invalid security group name. Group names may not be in the format sg-*: {name}"
    return "" if _DESCRIPTION.fullmatch(name) and name else f"Invalid value '{name}' for groupName."


def _find_ports(parameters: Parameters) -> str:
    for permission in parameters.get("IpPermissions", ()):
        first, last = permission.get("FromPort"), permission.get("ToPort")
        if permission.get("IpProtocol") in ("tcp", "udp", "6", "17"):
            if first is None or last is None:
                return "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
            if not 0 <= first <= last <= 65535:  # noqa: PLR2004 — the highest port
                return f"Invalid TCP/UDP port range ({first}:{last})"
    return ""


def _find_unmasked_network(parameters: Parameters) -> str:
    for permission in parameters.get("IpPermissions", ()):
        for cidr in (network.get("CidrIp", "") for network in permission.get("IpRanges", ())):
            try:
                ip_network(cidr)
            except ValueError:
                return f"CIDR block {cidr} is malformed"
    return ""


def _find_user_data(parameters: Parameters) -> str:
    given = parameters.get("UserData") or (parameters.get("LaunchTemplateData") or {}).get("UserData") or ""
    try:
        size = len(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError):
        return "Invalid BASE64 encoding of user data."
    return f"User data is limited to {MOST_USER_DATA_BYTES} bytes" if size > MOST_USER_DATA_BYTES else ""


def _find_template_name(parameters: Parameters) -> str:
    name = parameters.get("LaunchTemplateName", "")
    if _TEMPLATE_NAME.fullmatch(name):
        return ""
    return (
        "Launch template names must be between 3 and 128 characters, and may contain letters, numbers, and the"
        f" following characters: - ( ) . / _: '{name}'"
    )


def _find_disk(parameters: Parameters) -> str:
    data = parameters.get("LaunchTemplateData") or parameters
    for mapping in data.get("BlockDeviceMappings", ()):
        disk = mapping.get("Ebs") or {}
        fault = _disk_fault(disk)
        if fault:
            return fault
    return ""


def _disk_fault(disk: dict[str, Any]) -> str:
    kind, iops, throughput = disk.get("VolumeType"), disk.get("Iops"), disk.get("Throughput")
    if iops and kind not in (None, "gp3", "io1", "io2"):
        return f"The parameter iops is not supported for {kind} volumes."
    if throughput and kind != "gp3":
        return f"The parameter throughput is not supported for {kind} volumes."
    size = disk.get("VolumeSize") or 0
    if kind == "gp3" and iops and size and iops > max(_GP3_LEAST_IOPS, _GP3_IOPS_PER_GIB * size):
        return f"Iops to volume size ratio of {iops / size:.6f} is too high; maximum is {_GP3_IOPS_PER_GIB}"
    if throughput and throughput * _MOST_IOPS_PER_THROUGHPUT > (iops or _GP3_LEAST_IOPS):
        return "Throughput (MiBps) to iops ratio is too high; maximum is 0.250000 MiBps per iops"
    if disk.get("KmsKeyId") and not disk.get("Encrypted"):
        return "The parameter KmsKeyId requires the parameter Encrypted to be set."
    return ""


def _find_excess_groups(parameters: Parameters) -> str:
    data = parameters.get("LaunchTemplateData") or parameters
    lists = [data.get("SecurityGroupIds") or (), *(of.get("Groups") or () for of in data.get("NetworkInterfaces", ()))]
    if any(len(groups) > _MOST_INTERFACE_GROUPS for groups in lists):
        return "The maximum number of security groups per interface has been reached."
    return ""


def _find_vpc_size(parameters: Parameters) -> str:
    try:
        network = ip_network(parameters.get("CidrBlock", ""))
    except ValueError:
        return (
            f"Value ({parameters.get('CidrBlock')}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        )
    return "" if network.prefixlen in _VPC_PREFIXES else f"The CIDR '{network}' is invalid."


def _find_count(parameters: Parameters) -> str:
    if parameters.get("MinCount", 1) > parameters.get("MaxCount", 1):
        return "The minimum count must not exceed the maximum count"
    return ""


def _find_interface_conflict(parameters: Parameters) -> str:
    data = parameters.get("LaunchTemplateData") or parameters
    if data.get("NetworkInterfaces") and (data.get("SecurityGroupIds") or data.get("SubnetId")):
        return (
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same"
            " request"
        )
    return ""


EC2_RULES = (
    ApiRule(
        name="descriptions of security groups have only the listed characters",
        operations=("ec2:CreateSecurityGroup",),
        code="InvalidParameterValue",
        find_fault=_find_group_description,
        source=f"{_API}/API_CreateSecurityGroup.html",
    ),
    ApiRule(
        name="names of security groups do not start with sg-, and have at most 255 of the listed characters",
        operations=("ec2:CreateSecurityGroup",),
        code="InvalidParameterValue",
        find_fault=_find_group_name,
        source=f"{_API}/API_CreateSecurityGroup.html",
    ),
    ApiRule(
        name="descriptions of rules have only the listed characters",
        operations=_RULE_CALLS,
        code="InvalidParameterValue",
        find_fault=_find_rule_description,
        source=f"{_API}/API_IpRange.html",
    ),
    ApiRule(
        name="TCP and UDP rules have a range of ports",
        operations=_RULE_CALLS[:2],
        code="InvalidParameterValue",
        find_fault=_find_ports,
        source=f"{_API}/API_IpPermission.html",
    ),
    ApiRule(
        name="networks in rules have no address bits behind their prefix",
        operations=_RULE_CALLS[:2],
        code="InvalidParameterValue",
        find_fault=_find_unmasked_network,
        source=f"{_API}/API_IpRange.html",
    ),
    ApiRule(
        name="user data has at most 16 KiB",
        operations=("ec2:RunInstances", *_TEMPLATE_CALLS),
        code="InvalidParameterValue",
        find_fault=_find_user_data,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
    ),
    ApiRule(
        name="names of launch templates have 3 to 128 of the listed characters",
        operations=_TEMPLATE_CALLS[:1],
        code="InvalidLaunchTemplateName.MalformedException",
        find_fault=_find_template_name,
        source=f"{_API}/API_CreateLaunchTemplate.html",
    ),
    ApiRule(
        name="disks have only the performance that their type and size allow",
        operations=("ec2:RunInstances", *_TEMPLATE_CALLS),
        code="InvalidParameterCombination",
        find_fault=_find_disk,
        source="https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html",
    ),
    ApiRule(
        name="an interface has at most 5 security groups",
        operations=("ec2:RunInstances", *_TEMPLATE_CALLS),
        code="SecurityGroupsPerInterfaceLimitExceeded",
        find_fault=_find_excess_groups,
        source="https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html",
    ),
    ApiRule(
        name="a VPC's network has a prefix of 16 to 28 bits",
        operations=("ec2:CreateVpc",),
        code="InvalidVpc.Range",
        find_fault=_find_vpc_size,
        source="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html",
    ),
    ApiRule(
        name="the least number of instances is not above the highest",
        operations=("ec2:RunInstances",),
        code="InvalidParameterValue",
        find_fault=_find_count,
        source=f"{_API}/API_RunInstances.html",
    ),
    ApiRule(
        name="security groups are given for an interface or an instance, not for both",
        operations=("ec2:RunInstances",),
        code="InvalidParameterCombination",
        find_fault=_find_interface_conflict,
        source=f"{_API}/API_RunInstances.html",
    ),
)
