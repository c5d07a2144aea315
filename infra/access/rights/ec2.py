"""Rights on EC2, limited to resources with the environment's tags.

EC2 authorizes each resource of a call separately: new resources by the tags in the request, and used or changed
resources by their existing tags. The source of each action's resource types and condition keys is
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from infra.access.grants import SPOT_REQUESTS_SID, encrypt_disks, run_tagged_instances
from infra.access.rights.model import Right
from infra.access.rights.resource_type import ResourceType, table_rights
from infra.access.statements import (
    Condition,
    arn_like,
    existing_tag_conditions,
    requested_tag_conditions,
    string_equals,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.access.job_scope import JobScope

NETWORK_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        type_tokens=("aws:ec2/vpc:Vpc",),
        ec2_type="vpc",
        lists=("ec2:DescribeVpcs", "ec2:DescribeNetworkAcls", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups"),
        reads=("ec2:DescribeVpcAttribute",),
        creates={"ec2:CreateVpc": ()},
        writes=("ec2:ModifyVpcAttribute", "ec2:DeleteVpc"),
    ),
    ResourceType(
        type_tokens=("aws:ec2/subnet:Subnet",),
        ec2_type="subnet",
        lists=("ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces"),
        creates={"ec2:CreateSubnet": ("vpc",)},
        writes=("ec2:ModifySubnetAttribute", "ec2:DeleteSubnet"),
        uncalled={
            "ec2:DescribeNetworkInterfaces": "only a deletion waits for interfaces to go",
            "ec2:ModifySubnetAttribute": "a changed setting of a subnet",
        },
    ),
    ResourceType(
        type_tokens=("aws:ec2/internetGateway:InternetGateway",),
        ec2_type="internet-gateway",
        lists=("ec2:DescribeInternetGateways",),
        creates={"ec2:CreateInternetGateway": ()},
        writes=("ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"),
        touches=("vpc",),
    ),
    ResourceType(
        type_tokens=("aws:ec2/eip:Eip",),
        ec2_type="elastic-ip",
        lists=("ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute"),
        creates={"ec2:AllocateAddress": ()},
        writes=("ec2:ReleaseAddress", "ec2:DisassociateAddress"),
        uncalled={"ec2:DisassociateAddress": "an address that is still associated when it is released"},
    ),
    ResourceType(
        type_tokens=("aws:ec2/natGateway:NatGateway",),
        ec2_type="natgateway",
        lists=("ec2:DescribeNatGateways",),
        creates={"ec2:CreateNatGateway": ("subnet", "elastic-ip", "vpc")},
        writes=("ec2:DeleteNatGateway",),
    ),
    ResourceType(
        type_tokens=(
            "aws:ec2/routeTable:RouteTable",
            "aws:ec2/route:Route",
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
        ),
        ec2_type="route-table",
        lists=("ec2:DescribeRouteTables",),
        creates={"ec2:CreateRouteTable": ("vpc",)},
        writes=(
            "ec2:AssociateRouteTable",
            "ec2:CreateRoute",
            "ec2:DeleteRoute",
            "ec2:DeleteRouteTable",
            "ec2:DisassociateRouteTable",
            "ec2:ReplaceRoute",
            "ec2:ReplaceRouteTableAssociation",
        ),
        touches=("subnet",),
        uncalled={
            "ec2:ReplaceRoute": "a route whose target changes",
            "ec2:ReplaceRouteTableAssociation": "a subnet that moves to another route table",
        },
    ),
    ResourceType(
        type_tokens=("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
        ec2_type="security-group",
        lists=("ec2:DescribeSecurityGroups", "ec2:DescribeNetworkInterfaces"),
        creates={"ec2:CreateSecurityGroup": ("vpc",)},
        writes=("ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupEgress"),
    ),
    ResourceType(
        type_tokens=(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        ),
        ec2_type="security-group-rule",
        lists=("ec2:DescribeSecurityGroupRules",),
        creates={
            "ec2:AuthorizeSecurityGroupEgress": ("security-group",),
            "ec2:AuthorizeSecurityGroupIngress": ("security-group",),
        },
        writes=("ec2:ModifySecurityGroupRules", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
        touches=("security-group",),
        uncalled={"ec2:ModifySecurityGroupRules": "a rule whose description changes"},
    ),
    ResourceType(
        type_tokens=("aws:ec2/vpcEndpoint:VpcEndpoint",),
        ec2_type="vpc-endpoint",
        lists=("ec2:DescribeVpcEndpoints", "ec2:DescribePrefixLists"),
        creates={"ec2:CreateVpcEndpoint": ("vpc", "route-table", "subnet", "security-group")},
        writes=("ec2:ModifyVpcEndpoint", "ec2:DeleteVpcEndpoints"),
        touches=("route-table", "subnet", "security-group"),
        uncalled={"ec2:ModifyVpcEndpoint": "an endpoint whose route tables change"},
    ),
)

COMPUTE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        type_tokens=("aws:ec2/launchTemplate:LaunchTemplate",),
        ec2_type="launch-template",
        lists=("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"),
        creates={"ec2:CreateLaunchTemplate": ()},
        writes=("ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate", "ec2:ModifyLaunchTemplate"),
        uncalled={
            "ec2:CreateLaunchTemplateVersion": "a template that changes",
            "ec2:ModifyLaunchTemplate": "a changed template, whose new version becomes the default one",
        },
    ),
    ResourceType(
        type_tokens=("aws:ec2/instance:Instance",),
        ec2_type="instance",
        lists=(
            "ec2:DescribeIamInstanceProfileAssociations",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceCreditSpecifications",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeInstances",
            "ec2:DescribeTags",
            "ec2:DescribeVolumes",
            "ec2:DescribeVolumesModifications",
        ),
        reads=("ec2:DescribeInstanceAttribute",),
        writes=(
            "ec2:AssociateIamInstanceProfile",
            "ec2:DisassociateIamInstanceProfile",
            "ec2:ModifyInstanceAttribute",
            "ec2:ModifyInstanceMetadataOptions",
            "ec2:ModifyNetworkInterfaceAttribute",
            "ec2:ModifyVolume",
            "ec2:ReplaceIamInstanceProfileAssociation",
            "ec2:StartInstances",
            "ec2:StopInstances",
            "ec2:TerminateInstances",
        ),
        touches=("volume", "security-group"),
        uncalled={
            **dict.fromkeys(
                (
                    "ec2:AssociateIamInstanceProfile",
                    "ec2:DescribeIamInstanceProfileAssociations",
                    "ec2:DisassociateIamInstanceProfile",
                    "ec2:ReplaceIamInstanceProfileAssociation",
                ),
                "a changed instance profile",
            ),
            "ec2:DescribeImages": "only a launch looks at the image",
            "ec2:DescribeInstanceCreditSpecifications": "a burstable instance type, such as t3.large",
            "ec2:DescribeVolumesModifications": "a disk that grows, until it has",
            "ec2:ModifyInstanceAttribute": "a changed type or user data",
            "ec2:ModifyInstanceMetadataOptions": "changed metadata options",
            "ec2:ModifyNetworkInterfaceAttribute": "changed security groups",
            "ec2:ModifyVolume": "a disk that grows",
            "ec2:StartInstances": "a changed type, for which the instance stops and starts",
            "ec2:StopInstances": "a changed type, for which the instance stops and starts",
        },
    ),
)


def network_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on the network, including the VPC's default security group."""
    yield from _tagged_rights(NETWORK_TYPES, scope)
    # The default security group has no tags at first, so its VPC identifies it.
    yield Right(
        access="write",
        actions=("ec2:CreateTags", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
        resources=scope.ec2_arn_patterns("security-group"),
        conditions=(_in_vpc(scope),),
    )


def _in_vpc(scope: JobScope) -> Condition:
    return arn_like("ec2:Vpc", scope.regional_arn("ec2", f"vpc/{scope.vpc_id}"))


def compute_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on instances and launch templates, and on the key that encrypts disks."""
    yield from _tagged_rights(COMPUTE_TYPES, scope)
    for statement in (*run_tagged_instances(scope), *encrypt_disks(scope)):
        # The declared instance runs On-Demand, and EC2 does not authorize spot requests without tags:
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-spot-instances
        if statement.sid != SPOT_REQUESTS_SID:
            yield Right.of(statement, "write", uncalled=_CALLED_BY_EC2 if statement.actions[0][:4] == "kms:" else "")
    # The orchestrator's network interface has no tags, so its VPC identifies it.
    yield Right(
        access="write",
        actions=("ec2:ModifyNetworkInterfaceAttribute",),
        resources=scope.ec2_arn_patterns("network-interface"),
        conditions=(_in_vpc(scope),),
        uncalled={"ec2:ModifyNetworkInterfaceAttribute": "changed security groups"},
    )


_CALLED_BY_EC2 = "EC2 calls it when an instance with an encrypted disk is launched"


def _tagged_rights(table: Sequence[ResourceType], scope: JobScope) -> Iterator[Right]:
    yield from table_rights(table, scope)
    creating = sorted({action.removeprefix("ec2:") for kind in table for action in kind.creates})
    types = tuple(dict.fromkeys(chain.from_iterable((kind.ec2_type, *kind.touches) for kind in table)))
    if creating:
        yield Right(
            access="write",
            actions=("ec2:CreateTags",),
            resources=scope.ec2_arn_patterns(*(kind.ec2_type for kind in table if kind.creates)),
            conditions=(string_equals("ec2:CreateAction", *creating), *requested_tag_conditions(scope)),
        )
    yield Right(
        access="write",
        actions=("ec2:CreateTags", "ec2:DeleteTags"),
        resources=scope.ec2_arn_patterns(*types),
        # A job must not change the tag Environment, because another environment would then own the resource.
        conditions=(
            *existing_tag_conditions(scope),
            Condition(operator="StringEqualsIfExists", key="aws:RequestTag/Environment", values=(scope.environment,)),
        ),
        tagged=True,
        uncalled={"ec2:DeleteTags": "a tag that is no longer declared"},
    )
