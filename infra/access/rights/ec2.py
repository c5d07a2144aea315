"""EC2: everything bears the environment's tags, and nothing else is changed.

EC2 authorizes each resource of a call on its own: what is created by the tags that the request gives it, what is used
or changed by the tags that it bears. Which types a call touches, and by what they can be told, is from
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from infra.access import policies
from infra.access.policies import (
    EVERYTHING,
    Condition,
    existing_tag_conditions,
    region_condition,
    requested_tag_conditions,
    string_equals,
)
from infra.access.rights.model import Right

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.access.policies import Statement
    from infra.access.rights.model import JobScope
    from infra.scope import Scope


@dataclass(frozen=True, kw_only=True)
class Ec2TypeRights:
    """One of EC2's resource types, or several that are one to EC2.

    Attributes:
        type_tokens: Pulumi's types.
        name: EC2's, as in ARNs.
        lists: Actions that read and cannot be limited to resources.
        reads: Actions that read one.
        creates: Actions that create, each with the types that it uses beside.
        changes: Actions that change or delete.
        touches: Types that those touch beside.
        uncalled: Actions that no recorded run calls, each with the reason that it is there.
    """

    type_tokens: tuple[str, ...]
    name: str
    lists: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    creates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    uncalled: Mapping[str, str] = field(default_factory=dict)


NETWORK_TYPES: tuple[Ec2TypeRights, ...] = (
    Ec2TypeRights(
        type_tokens=("aws:ec2/vpc:Vpc",),
        name="vpc",
        lists=(
            "ec2:DescribeVpcs",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
        ),
        reads=("ec2:DescribeVpcAttribute",),
        creates={"ec2:CreateVpc": ()},
        changes=("ec2:ModifyVpcAttribute", "ec2:DeleteVpc"),
    ),
    Ec2TypeRights(
        type_tokens=("aws:ec2/subnet:Subnet",),
        name="subnet",
        lists=("ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces"),
        creates={"ec2:CreateSubnet": ("vpc",)},
        changes=("ec2:ModifySubnetAttribute", "ec2:DeleteSubnet"),
        uncalled={
            "ec2:DescribeNetworkInterfaces": "only a deletion waits for interfaces to go",
            "ec2:ModifySubnetAttribute": "a changed setting of a subnet",
        },
    ),
    Ec2TypeRights(
        type_tokens=("aws:ec2/internetGateway:InternetGateway",),
        name="internet-gateway",
        lists=("ec2:DescribeInternetGateways",),
        creates={"ec2:CreateInternetGateway": ()},
        changes=("ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"),
        touches=("vpc",),
    ),
    Ec2TypeRights(
        type_tokens=("aws:ec2/eip:Eip",),
        name="elastic-ip",
        lists=("ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute"),
        creates={"ec2:AllocateAddress": ()},
        changes=("ec2:ReleaseAddress", "ec2:DisassociateAddress"),
        uncalled={"ec2:DisassociateAddress": "an address that is still associated when it is released"},
    ),
    Ec2TypeRights(
        type_tokens=("aws:ec2/natGateway:NatGateway",),
        name="natgateway",
        lists=("ec2:DescribeNatGateways",),
        creates={"ec2:CreateNatGateway": ("subnet", "elastic-ip", "vpc")},
        changes=("ec2:DeleteNatGateway",),
    ),
    Ec2TypeRights(
        type_tokens=(
            "aws:ec2/routeTable:RouteTable",
            "aws:ec2/route:Route",
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
        ),
        name="route-table",
        lists=("ec2:DescribeRouteTables",),
        creates={"ec2:CreateRouteTable": ("vpc",)},
        changes=(
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
    Ec2TypeRights(
        type_tokens=("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
        name="security-group",
        lists=("ec2:DescribeSecurityGroups", "ec2:DescribeNetworkInterfaces"),
        creates={"ec2:CreateSecurityGroup": ("vpc",)},
        changes=("ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupEgress"),
    ),
    Ec2TypeRights(
        type_tokens=(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        ),
        name="security-group-rule",
        lists=("ec2:DescribeSecurityGroupRules",),
        creates={
            "ec2:AuthorizeSecurityGroupEgress": ("security-group",),
            "ec2:AuthorizeSecurityGroupIngress": ("security-group",),
        },
        changes=(
            "ec2:ModifySecurityGroupRules",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
        ),
        touches=("security-group",),
        uncalled={"ec2:ModifySecurityGroupRules": "a rule whose description changes"},
    ),
    Ec2TypeRights(
        type_tokens=("aws:ec2/vpcEndpoint:VpcEndpoint",),
        name="vpc-endpoint",
        lists=("ec2:DescribeVpcEndpoints", "ec2:DescribePrefixLists"),
        creates={"ec2:CreateVpcEndpoint": ("vpc", "route-table", "subnet", "security-group")},
        changes=("ec2:ModifyVpcEndpoint", "ec2:DeleteVpcEndpoints"),
        touches=("route-table", "subnet", "security-group"),
        uncalled={"ec2:ModifyVpcEndpoint": "an endpoint whose route tables change"},
    ),
)

COMPUTE_TYPES: tuple[Ec2TypeRights, ...] = (
    Ec2TypeRights(
        type_tokens=("aws:ec2/launchTemplate:LaunchTemplate",),
        name="launch-template",
        lists=("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"),
        creates={"ec2:CreateLaunchTemplate": ()},
        changes=("ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate", "ec2:ModifyLaunchTemplate"),
        uncalled={
            "ec2:CreateLaunchTemplateVersion": "a template that changes",
            "ec2:ModifyLaunchTemplate": "likewise, so that its new version is the default one",
        },
    ),
    Ec2TypeRights(
        type_tokens=("aws:ec2/instance:Instance",),
        name="instance",
        lists=(
            "ec2:DescribeImages",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeInstances",
            "ec2:DescribeTags",
            "ec2:DescribeVolumes",
        ),
        reads=("ec2:DescribeInstanceAttribute",),
        changes=(
            "ec2:ModifyInstanceAttribute",
            "ec2:ModifyInstanceMetadataOptions",
            "ec2:ModifyVolume",
            "ec2:StartInstances",
            "ec2:StopInstances",
            "ec2:TerminateInstances",
        ),
        touches=("volume", "security-group"),
        uncalled={
            "ec2:DescribeImages": "only a launch looks at the image",
            "ec2:ModifyInstanceAttribute": "a changed type or user data",
            "ec2:ModifyInstanceMetadataOptions": "changed metadata options",
            "ec2:ModifyVolume": "a disk that grows",
            "ec2:StartInstances": "a changed type, for which the instance stops and starts",
            "ec2:StopInstances": "likewise",
        },
    ),
)


def network_rights(job_scope: JobScope) -> Iterator[Right]:
    """Return the rights on the network, and those on the security group that comes with the VPC."""
    yield from _table_rights(NETWORK_TYPES, job_scope.scope)
    # It comes without tags, and gives away by its VPC whose it is.
    yield Right(
        access="write",
        actions=("ec2:CreateTags", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
        resources=job_scope.scope.ec2_arn_patterns("security-group"),
        conditions=(Condition(operator="ArnLike", key="ec2:Vpc", values=(job_scope.vpc_arn,)),),
    )


def compute_rights(job_scope: JobScope) -> Iterator[Right]:
    """Return the rights on machines, and on the key that encrypts their disks."""
    yield from _table_rights(COMPUTE_TYPES, job_scope.scope)
    for statement in (
        *policies.run_tagged_instances(job_scope.scope),
        *policies.encrypt_disks(job_scope.key_arn, job_scope.scope),
    ):
        if statement.sid != policies.SPOT_REQUESTS_SID:  # what is declared runs on demand; groups launch for themselves
            yield _as_right(statement)


def _as_right(statement: Statement) -> Right:
    disk_key = dict.fromkeys((action for action in statement.actions if action.startswith("kms:")), _CALLED_BY_EC2)
    return Right(
        access="write",
        actions=statement.actions,
        resources=statement.resources,
        conditions=statement.conditions,
        uncalled=disk_key,
    )


_CALLED_BY_EC2 = "EC2 calls it for who launches an instance with an encrypted disk"


def _table_rights(kinds: Sequence[Ec2TypeRights], scope: Scope) -> Iterator[Right]:
    for kind in kinds:
        yield from _single_type_rights(kind, scope)
    yield from _tagging_rights(kinds, scope)


def _single_type_rights(kind: Ec2TypeRights, scope: Scope) -> Iterator[Right]:
    region, bears_tags = region_condition(scope), existing_tag_conditions(scope)
    if kind.lists:
        yield Right(
            access="read",
            actions=kind.lists,
            resources=(EVERYTHING,),
            conditions=(region,),
            uncalled=_reasons_for(kind.uncalled, kind.lists),
        )
    if kind.reads:
        yield Right(
            access="read", actions=kind.reads, resources=scope.ec2_arn_patterns(kind.name), conditions=(region,)
        )
    for action, uses in kind.creates.items():
        yield Right(
            access="write",
            actions=(action,),
            resources=scope.ec2_arn_patterns(kind.name),
            conditions=(*requested_tag_conditions(scope), region),
            creates=frozenset({kind.name}),
            uses=frozenset(uses),
        )
        if uses:
            yield Right(
                access="write",
                actions=(action,),
                resources=scope.ec2_arn_patterns(*uses),
                conditions=bears_tags,
                tagged=True,
            )
    if kind.changes:
        yield Right(
            access="write",
            actions=kind.changes,
            resources=scope.ec2_arn_patterns(kind.name, *kind.touches),
            conditions=bears_tags,
            tagged=True,
            uncalled=_reasons_for(kind.uncalled, kind.changes),
        )


def _tagging_rights(kinds: Sequence[Ec2TypeRights], scope: Scope) -> Iterator[Right]:
    creating = sorted({action.removeprefix("ec2:") for kind in kinds for action in kind.creates})
    names = tuple(dict.fromkeys(chain.from_iterable((kind.name, *kind.touches) for kind in kinds)))
    if creating:
        yield Right(
            access="write",
            actions=("ec2:CreateTags",),
            resources=scope.ec2_arn_patterns(*(kind.name for kind in kinds if kind.creates)),
            conditions=(string_equals("ec2:CreateAction", *creating), *requested_tag_conditions(scope)),
        )
    yield Right(
        access="write",
        actions=("ec2:CreateTags", "ec2:DeleteTags"),
        resources=scope.ec2_arn_patterns(*names),
        conditions=existing_tag_conditions(scope),
        tagged=True,
        uncalled={"ec2:DeleteTags": "a tag that is declared no longer"},
    )


def _reasons_for(reasons: Mapping[str, str], actions: Sequence[str]) -> dict[str, str]:
    return {action: reason for action, reason in reasons.items() if action in actions}
