"""What an account holds that carries a stack's tags, and which of it the stack's state does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jmespath
from botocore.config import Config

from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3


_CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, kw_only=True)
class Ec2Listing:
    """How EC2 lists one kind of resource.

    Attributes:
        type: Pulumi's type token.
        operation: The operation that describes all of them.
        path: JMESPath of the resources in its answer.
        id: The field of each that holds its id.
    """

    type: str
    operation: str
    path: str
    id: str


# Each kind is asked for by itself: DescribeTags goes on naming what has been deleted.
EC2_LISTINGS = (
    Ec2Listing(type="aws:ec2/vpc:Vpc", operation="describe_vpcs", path="Vpcs", id="VpcId"),
    Ec2Listing(type="aws:ec2/subnet:Subnet", operation="describe_subnets", path="Subnets", id="SubnetId"),
    Ec2Listing(
        type="aws:ec2/internetGateway:InternetGateway",
        operation="describe_internet_gateways",
        path="InternetGateways",
        id="InternetGatewayId",
    ),
    Ec2Listing(
        type="aws:ec2/natGateway:NatGateway", operation="describe_nat_gateways", path="NatGateways", id="NatGatewayId"
    ),
    Ec2Listing(type="aws:ec2/eip:Eip", operation="describe_addresses", path="Addresses", id="AllocationId"),
    Ec2Listing(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        operation="describe_vpc_endpoints",
        path="VpcEndpoints",
        id="VpcEndpointId",
    ),
    Ec2Listing(
        type="aws:ec2/routeTable:RouteTable", operation="describe_route_tables", path="RouteTables", id="RouteTableId"
    ),
    Ec2Listing(
        type="aws:ec2/securityGroup:SecurityGroup",
        operation="describe_security_groups",
        path="SecurityGroups[?GroupName != 'default']",
        id="GroupId",
    ),
    Ec2Listing(
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        operation="describe_security_group_rules",
        path="SecurityGroupRules[?!IsEgress]",
        id="SecurityGroupRuleId",
    ),
    Ec2Listing(
        type="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        operation="describe_security_group_rules",
        path="SecurityGroupRules[?IsEgress]",
        id="SecurityGroupRuleId",
    ),
    Ec2Listing(
        type="aws:ec2/instance:Instance",
        operation="describe_instances",
        path="Reservations[].Instances[] | [?!(Tags[?Key == 'aws:autoscaling:groupName'])]",
        id="InstanceId",
    ),
    Ec2Listing(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        operation="describe_launch_templates",
        path="LaunchTemplates",
        id="LaunchTemplateId",
    ),
)
"""A VPC's default security group is not among them: it comes and goes with the VPC. Nor are the instances of an Auto
Scaling group, which do so with their group."""

_GONE_STATES = frozenset({"deleted", "deleting", "shutting-down", "terminated"})
"""States in which EC2 still lists what costs nothing any more and cannot come back."""


@dataclass(frozen=True, kw_only=True)
class TaggedResource:
    """A resource in the account.

    Attributes:
        type: Pulumi's type token.
        id: Its provider id.
        name: Its tag `Name`.
    """

    type: str
    id: str
    name: str


class Inventory:
    """Looks an account through for what carries the tags of one stack."""

    def __init__(self, session: boto3.Session, *, url: str | None, environment: str) -> None:
        """Take a session of the account, its address if it is emulated, and the value of the tag `Environment`."""
        self._session = session
        self._url = url
        self._environment = environment

    def find_all(self) -> list[TaggedResource]:
        """Find everything."""
        return [
            *self._find_ec2_resources(),
            *self._find_auto_scaling_groups(),
            *self._find_buckets(),
            *self._find_keys(),
            *self._find_log_groups(),
            *self._find_topics(),
            *self._find_schedule_groups(),
            *self._find_roles(),
            *self._find_instance_profiles(),
            *self._find_policies(),
            *self._find_identity_providers(),
            *self._find_budgets(),
            *self._find_documents(),
            *self._find_rules(),
        ]

    def account_id(self) -> str:
        """Return the account's number."""
        return str(self._service_client("sts").get_caller_identity()["Account"])

    def _service_client(self, service: str) -> Any:  # boto3 makes its clients' classes at run time
        return self._session.client(service, endpoint_url=self._url, config=_CLIENT_CONFIG)

    def _is_ours(self, tags: dict[str, str]) -> bool:
        return tags.get("project") == PROJECT_NAME and tags.get("Environment") == self._environment

    def _find_ec2_resources(self) -> Iterator[TaggedResource]:
        ec2 = self._service_client("ec2")
        for kind in EC2_LISTINGS:
            for resource in _describe_resources(ec2, kind):
                tags = _tag_values(resource)
                if self._is_ours(tags) and _resource_state(resource) not in _GONE_STATES:
                    yield TaggedResource(type=kind.type, id=resource[kind.id], name=tags.get("Name", ""))

    def _find_auto_scaling_groups(self) -> Iterator[TaggedResource]:
        autoscaling = self._service_client("autoscaling")
        for page in autoscaling.get_paginator("describe_auto_scaling_groups").paginate():
            for group in page["AutoScalingGroups"]:
                tags = _tag_values(group)
                if self._is_ours(tags):
                    name = tags.get("Name", "")
                    yield TaggedResource(
                        type="aws:autoscaling/group:Group", id=group["AutoScalingGroupName"], name=name
                    )

    def _find_keys(self) -> Iterator[TaggedResource]:
        kms = self._service_client("kms")
        for page in kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                listed = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
                tags = {tag["TagKey"]: tag["TagValue"] for tag in listed}
                if self._is_ours(tags) and not kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"].get("DeletionDate"):
                    yield TaggedResource(type="aws:kms/key:Key", id=key["KeyId"], name=tags.get("Name", ""))

    def _find_log_groups(self) -> Iterator[TaggedResource]:
        logs = self._service_client("logs")
        for page in logs.get_paginator("describe_log_groups").paginate():
            for group in page["logGroups"]:
                arn = group["arn"].removesuffix(":*")
                tags = logs.list_tags_for_resource(resourceArn=arn)["tags"]
                if self._is_ours(tags):
                    name = tags.get("Name", "")
                    yield TaggedResource(type="aws:cloudwatch/logGroup:LogGroup", id=group["logGroupName"], name=name)

    def _find_buckets(self) -> Iterator[TaggedResource]:
        s3 = self._service_client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            name = bucket["Name"]
            try:
                tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchTagSet":
                    raise
                continue
            if self._is_ours(tags):
                yield TaggedResource(type="aws:s3/bucket:Bucket", id=name, name=tags.get("Name", ""))

    def _find_topics(self) -> Iterator[TaggedResource]:
        sns = self._service_client("sns")
        for page in sns.get_paginator("list_topics").paginate():
            for topic in page["Topics"]:
                arn = topic["TopicArn"]
                tags = _tag_values(sns.list_tags_for_resource(ResourceArn=arn))
                if self._is_ours(tags):
                    yield TaggedResource(type="aws:sns/topic:Topic", id=arn, name=tags.get("Name", ""))

    def _find_schedule_groups(self) -> Iterator[TaggedResource]:
        scheduler = self._service_client("scheduler")
        for page in scheduler.get_paginator("list_schedule_groups").paginate():
            for group in page["ScheduleGroups"]:
                tags = _tag_values(scheduler.list_tags_for_resource(ResourceArn=group["Arn"]))
                if self._is_ours(tags):
                    name = tags.get("Name", "")
                    yield TaggedResource(type="aws:scheduler/scheduleGroup:ScheduleGroup", id=group["Name"], name=name)

    def _find_roles(self) -> Iterator[TaggedResource]:
        iam = self._service_client("iam")
        for page in iam.get_paginator("list_roles").paginate():
            for role in page["Roles"]:
                name = role["RoleName"]
                if not name.startswith(f"{PROJECT_NAME}-{self._environment}-"):
                    continue
                tags = _tag_values(iam.list_role_tags(RoleName=name))
                if self._is_ours(tags):
                    yield TaggedResource(type="aws:iam/role:Role", id=name, name=tags.get("Name", ""))

    def _find_instance_profiles(self) -> Iterator[TaggedResource]:
        iam = self._service_client("iam")
        for page in iam.get_paginator("list_instance_profiles").paginate():
            for profile in page["InstanceProfiles"]:
                name = profile["InstanceProfileName"]
                tags = _tag_values(profile)
                if self._is_ours(tags):
                    yield TaggedResource(
                        type="aws:iam/instanceProfile:InstanceProfile", id=name, name=tags.get("Name", "")
                    )

    def _find_policies(self) -> Iterator[TaggedResource]:
        iam = self._service_client("iam")
        for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
            for policy in page["Policies"]:
                if not policy["PolicyName"].startswith(f"{PROJECT_NAME}-{self._environment}-"):
                    continue
                tags = _tag_values(iam.list_policy_tags(PolicyArn=policy["Arn"]))
                if self._is_ours(tags):
                    yield TaggedResource(type="aws:iam/policy:Policy", id=policy["Arn"], name=tags.get("Name", ""))

    def _find_identity_providers(self) -> Iterator[TaggedResource]:
        iam = self._service_client("iam")
        for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            arn = provider["Arn"]
            tags = _tag_values(iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn))
            if self._is_ours(tags):
                name = tags.get("Name", "")
                yield TaggedResource(type="aws:iam/openIdConnectProvider:OpenIdConnectProvider", id=arn, name=name)

    def _find_budgets(self) -> Iterator[TaggedResource]:
        budgets = self._service_client("budgets")
        account_id = self.account_id()
        for page in budgets.get_paginator("describe_budgets").paginate(AccountId=account_id):
            for budget in page.get("Budgets", []):
                name = budget["BudgetName"]
                arn = f"arn:aws:budgets::{account_id}:budget/{name}"
                listed = budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
                tags = {tag["Key"]: tag["Value"] for tag in listed}
                if self._is_ours(tags):
                    yield TaggedResource(
                        type="aws:budgets/budget:Budget", id=f"{account_id}:{name}", name=tags.get("Name", "")
                    )

    def _find_documents(self) -> Iterator[TaggedResource]:
        ssm = self._service_client("ssm")
        for page in ssm.get_paginator("list_documents").paginate(Filters=[{"Key": "Owner", "Values": ["Self"]}]):
            for document in page["DocumentIdentifiers"]:
                tags = _tag_values(document)
                if self._is_ours(tags):
                    yield TaggedResource(
                        type="aws:ssm/document:Document", id=document["Name"], name=tags.get("Name", "")
                    )

    def _find_rules(self) -> Iterator[TaggedResource]:
        events = self._service_client("events")
        for page in events.get_paginator("list_rules").paginate(NamePrefix=f"{PROJECT_NAME}-{self._environment}-"):
            for rule in page["Rules"]:
                tags = _tag_values(events.list_tags_for_resource(ResourceARN=rule["Arn"]))
                if self._is_ours(tags):
                    name = tags.get("Name", "")
                    yield TaggedResource(type="aws:cloudwatch/eventRule:EventRule", id=rule["Name"], name=name)


def _describe_resources(ec2: Any, kind: Ec2Listing) -> Iterator[dict[str, Any]]:
    if not ec2.can_paginate(kind.operation):
        yield from jmespath.search(kind.path, getattr(ec2, kind.operation)())
        return
    for page in ec2.get_paginator(kind.operation).paginate():
        yield from jmespath.search(kind.path, page)


def _resource_state(resource: dict[str, Any]) -> str:
    """Return the resource's state, where its kind has one; an instance's is an object."""
    state = resource.get("State", "")
    return str(state["Name"] if isinstance(state, dict) else state)


def _tag_values(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
