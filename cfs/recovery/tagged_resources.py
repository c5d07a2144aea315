"""Finds resources in an account by a stack's tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jmespath

from cfs.aws import AwsError
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cfs.aws import AwsAccount


@dataclass(frozen=True, kw_only=True)
class TagCall:
    """Call that reads a resource's tags if the listing does not include them.

    Attributes:
        operation: Operation in boto3.
        argument: The operation's argument that identifies the resource.
        value: JMESPath of the argument's value in the listed resource; `{account}` and `{region}` stand for the
            account's ID and the region.
        path: JMESPath of the tags in the response.
        arguments: Further arguments of the operation.
    """

    operation: str
    argument: str
    value: str
    path: str = "Tags"
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResourceListing:
    """Call that lists one type of resource.

    Attributes:
        type: Pulumi's type token.
        service: Service in boto3.
        operation: Operation that lists all resources of the type.
        path: JMESPath of the resources in the response; `{prefix}` stands for the prefix of the stack's names.
        id: JMESPath of the provider ID in a resource; `{account}` stands for the account's ID.
        tag_call: Call that reads the tags; None if the listing includes them.
        arguments: Arguments of the operation; `{account}` stands for the account's ID.
    """

    type: str
    service: str
    operation: str
    path: str
    id: str
    tag_call: TagCall | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


def _ec2_listing(type_token: str, operation: str, *, path: str, id_field: str) -> ResourceListing:
    return ResourceListing(type=type_token, service="ec2", operation=operation, path=path, id=id_field)


LISTINGS = (
    # EC2 has a listing per type, because DescribeTags also returns deleted resources.
    _ec2_listing("aws:ec2/vpc:Vpc", "describe_vpcs", path="Vpcs", id_field="VpcId"),
    _ec2_listing("aws:ec2/subnet:Subnet", "describe_subnets", path="Subnets", id_field="SubnetId"),
    _ec2_listing(
        "aws:ec2/internetGateway:InternetGateway",
        "describe_internet_gateways",
        path="InternetGateways",
        id_field="InternetGatewayId",
    ),
    _ec2_listing("aws:ec2/natGateway:NatGateway", "describe_nat_gateways", path="NatGateways", id_field="NatGatewayId"),
    _ec2_listing("aws:ec2/eip:Eip", "describe_addresses", path="Addresses", id_field="AllocationId"),
    _ec2_listing(
        "aws:ec2/vpcEndpoint:VpcEndpoint", "describe_vpc_endpoints", path="VpcEndpoints", id_field="VpcEndpointId"
    ),
    _ec2_listing("aws:ec2/routeTable:RouteTable", "describe_route_tables", path="RouteTables", id_field="RouteTableId"),
    _ec2_listing(
        "aws:ec2/securityGroup:SecurityGroup",
        "describe_security_groups",
        path="SecurityGroups[?GroupName != 'default']",
        id_field="GroupId",
    ),
    _ec2_listing(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "describe_security_group_rules",
        path="SecurityGroupRules[?!IsEgress]",
        id_field="SecurityGroupRuleId",
    ),
    _ec2_listing(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "describe_security_group_rules",
        path="SecurityGroupRules[?IsEgress]",
        id_field="SecurityGroupRuleId",
    ),
    _ec2_listing(
        "aws:ec2/instance:Instance",
        "describe_instances",
        path="Reservations[].Instances[] | [?!(Tags[?Key == 'aws:autoscaling:groupName'])]",
        id_field="InstanceId",
    ),
    _ec2_listing(
        "aws:ec2/launchTemplate:LaunchTemplate",
        "describe_launch_templates",
        path="LaunchTemplates",
        id_field="LaunchTemplateId",
    ),
    ResourceListing(
        type="aws:autoscaling/group:Group",
        service="autoscaling",
        operation="describe_auto_scaling_groups",
        path="AutoScalingGroups",
        id="AutoScalingGroupName",
    ),
    ResourceListing(
        type="aws:s3/bucket:Bucket",
        service="s3",
        operation="list_buckets",
        path="Buckets",
        id="Name",
        tag_call=TagCall(operation="get_bucket_tagging", argument="Bucket", value="Name", path="TagSet"),
    ),
    ResourceListing(
        type="aws:kms/key:Key",
        service="kms",
        operation="list_keys",
        path="Keys",
        id="KeyId",
        tag_call=TagCall(
            operation="list_resource_tags",
            argument="KeyId",
            value="KeyId",
            path="Tags[].{Key: TagKey, Value: TagValue}",
        ),
    ),
    ResourceListing(
        type="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        operation="describe_log_groups",
        path="logGroups",
        id="logGroupName",
        tag_call=TagCall(
            operation="list_tags_for_resource",
            argument="resourceArn",
            value="logGroupArn",
            path="tags",
        ),
    ),
    ResourceListing(
        type="aws:sns/topic:Topic",
        service="sns",
        operation="list_topics",
        path="Topics",
        id="TopicArn",
        tag_call=TagCall(operation="list_tags_for_resource", argument="ResourceArn", value="TopicArn"),
    ),
    ResourceListing(
        type="aws:scheduler/scheduleGroup:ScheduleGroup",
        service="scheduler",
        operation="list_schedule_groups",
        path="ScheduleGroups",
        id="Name",
        tag_call=TagCall(operation="list_tags_for_resource", argument="ResourceArn", value="Arn"),
    ),
    ResourceListing(
        type="aws:iam/role:Role",
        service="iam",
        operation="list_roles",
        path="Roles[?starts_with(RoleName, '{prefix}')]",
        id="RoleName",
        # IAM's list operations do not return tags:
        # https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html
        tag_call=TagCall(operation="get_role", argument="RoleName", value="RoleName", path="Role.Tags"),
    ),
    ResourceListing(
        type="aws:iam/instanceProfile:InstanceProfile",
        service="iam",
        operation="list_instance_profiles",
        path="InstanceProfiles[?starts_with(InstanceProfileName, '{prefix}')]",
        id="InstanceProfileName",
        tag_call=TagCall(
            operation="get_instance_profile",
            argument="InstanceProfileName",
            value="InstanceProfileName",
            path="InstanceProfile.Tags",
        ),
    ),
    ResourceListing(
        type="aws:iam/policy:Policy",
        service="iam",
        operation="list_policies",
        path="Policies[?starts_with(PolicyName, '{prefix}')]",
        id="Arn",
        tag_call=TagCall(operation="get_policy", argument="PolicyArn", value="Arn", path="Policy.Tags"),
        arguments={"Scope": "Local"},
    ),
    ResourceListing(
        type="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        service="iam",
        operation="list_open_id_connect_providers",
        path="OpenIDConnectProviderList",
        id="Arn",
        tag_call=TagCall(operation="get_open_id_connect_provider", argument="OpenIDConnectProviderArn", value="Arn"),
    ),
    ResourceListing(
        type="aws:budgets/budget:Budget",
        service="budgets",
        operation="describe_budgets",
        path="Budgets",
        id="join(':', ['{account}', BudgetName])",
        tag_call=TagCall(
            operation="list_tags_for_resource",
            argument="ResourceARN",
            value="join('', ['arn:aws:budgets::{account}:budget/', BudgetName])",
            path="ResourceTags",
        ),
        arguments={"AccountId": "{account}"},
    ),
    ResourceListing(
        type="aws:ssm/document:Document",
        service="ssm",
        operation="list_documents",
        path="DocumentIdentifiers",
        id="Name",
        arguments={"Filters": [{"Key": "Owner", "Values": ["Self"]}]},
    ),
    ResourceListing(
        type="aws:cloudwatch/eventRule:EventRule",
        service="events",
        operation="list_rules",
        path="Rules[?starts_with(Name, '{prefix}')]",
        id="Name",
        tag_call=TagCall(operation="list_tags_for_resource", argument="ResourceARN", value="Arn"),
    ),
    ResourceListing(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        operation="describe_alarms",
        path="MetricAlarms[?starts_with(AlarmName, '{prefix}')]",
        id="AlarmName",
        tag_call=TagCall(operation="list_tags_for_resource", argument="ResourceARN", value="AlarmArn"),
    ),
    ResourceListing(
        type="aws:dynamodb/table:Table",
        service="dynamodb",
        operation="list_tables",
        path="TableNames[?starts_with(@, '{prefix}')].{Name: @}",
        id="Name",
        tag_call=TagCall(
            operation="list_tags_of_resource",
            argument="ResourceArn",
            value="join('', ['arn:aws:dynamodb:{region}:{account}:table/', Name])",
        ),
    ),
    ResourceListing(
        type="aws:lambda/function:Function",
        service="lambda",
        operation="list_functions",
        path="Functions[?starts_with(FunctionName, '{prefix}')]",
        id="FunctionName",
        tag_call=TagCall(operation="list_tags", argument="Resource", value="FunctionArn"),
    ),
    ResourceListing(
        type="aws:sqs/queue:Queue",
        service="sqs",
        operation="list_queues",
        path="QueueUrls[].{Url: @}",
        id="Url",
        tag_call=TagCall(operation="list_queue_tags", argument="QueueUrl", value="Url"),
        arguments={"QueueNamePrefix": "{prefix}"},
    ),
    ResourceListing(
        type="aws:ssm/parameter:Parameter",
        service="ssm",
        operation="describe_parameters",
        path="Parameters[?starts_with(Name, '{prefix}')]",
        id="Name",
        tag_call=TagCall(
            operation="list_tags_for_resource",
            argument="ResourceId",
            value="Name",
            path="TagList",
            arguments={"ResourceType": "Parameter"},
        ),
    ),
    ResourceListing(
        type="aws:costexplorer/anomalyMonitor:AnomalyMonitor",
        service="ce",
        operation="get_anomaly_monitors",
        path="AnomalyMonitors",
        id="MonitorArn",
        tag_call=TagCall(
            operation="list_tags_for_resource", argument="ResourceArn", value="MonitorArn", path="ResourceTags"
        ),
    ),
    ResourceListing(
        type="aws:costexplorer/anomalySubscription:AnomalySubscription",
        service="ce",
        operation="get_anomaly_subscriptions",
        path="AnomalySubscriptions",
        id="SubscriptionArn",
        tag_call=TagCall(
            operation="list_tags_for_resource", argument="ResourceArn", value="SubscriptionArn", path="ResourceTags"
        ),
    ),
)
"""All types that have the stack's tags. A VPC's default security group and an Auto Scaling group's instances are
excluded: they are created and deleted with the VPC and the group."""

_GONE_STATES = frozenset({"deleted", "deleting", "shutting-down", "terminated"})
"""States of resources that EC2 still lists although they cost nothing and cannot be recovered."""


@dataclass(frozen=True, kw_only=True)
class TaggedResource:
    """A resource in the account.

    Attributes:
        type: Pulumi's type token.
        id: Provider ID.
        name: Tag `Name`, or "".
    """

    type: str
    id: str
    name: str


def find_tagged_resources(
    aws: AwsAccount, environment: str, *, listings: Sequence[ResourceListing] = LISTINGS
) -> list[TaggedResource]:
    """Find all resources in an account that have an environment's tags."""
    account_id = aws.account_id()
    return [
        resource for listing in listings for resource in _find_listed(aws, environment, listing, account_id=account_id)
    ]


def _find_listed(
    aws: AwsAccount, environment: str, listing: ResourceListing, *, account_id: str
) -> Iterator[TaggedResource]:
    known = {"{account}": account_id, "{region}": aws.region, "{prefix}": f"{PROJECT_NAME}-{environment}-"}
    arguments = {
        name: _fill_in(value, known) if isinstance(value, str) else value for name, value in listing.arguments.items()
    }
    for resource in aws.list_items(listing.service, listing.operation, _fill_in(listing.path, known), **arguments):
        tags = _read_tags(aws, listing, resource, known)
        if tags.get("project") != PROJECT_NAME or tags.get("Environment") != environment:
            continue
        if not is_gone(aws, listing, resource):
            identifier = jmespath.search(_fill_in(listing.id, known), resource)
            yield TaggedResource(type=listing.type, id=identifier, name=tags.get("Name", ""))


def _fill_in(text: str, known: Mapping[str, str]) -> str:
    for placeholder, value in known.items():
        text = text.replace(placeholder, value)
    return text


def _read_tags(
    aws: AwsAccount, listing: ResourceListing, resource: dict[str, Any], known: Mapping[str, str]
) -> dict[str, str]:
    call, holder, path = listing.tag_call, resource, "Tags"
    if call is not None:
        argument = {**call.arguments, call.argument: jmespath.search(_fill_in(call.value, known), resource)}
        path = call.path
        try:
            holder = aws.call_operation(listing.service, call.operation, **argument)
        except AwsError as error:
            # A job may read only the tags of its own stack's resources.
            if error.code not in ("NoSuchTagSet", "AccessDenied", "AccessDeniedException"):
                raise
            return {}
    tags = jmespath.search(path, holder) or []
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def is_gone(aws: AwsAccount, listing: ResourceListing, resource: dict[str, Any]) -> bool:
    """Return whether a resource is being deleted, or only its record remains."""
    if listing.service == "kms":
        metadata = aws.call_operation("kms", "describe_key", KeyId=resource["KeyId"])["KeyMetadata"]
        return "DeletionDate" in metadata
    # An instance's state is an object; that of other resources is a string.
    state = resource.get("State", "")
    return listing.service == "ec2" and (state["Name"] if isinstance(state, dict) else state) in _GONE_STATES
