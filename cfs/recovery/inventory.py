"""What an account holds that carries a stack's tags, and which of it the stack's state does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from infra.tags import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.account import LocalAccount

_CLIENT = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, kw_only=True)
class Ec2Kind:
    """How EC2 lists one kind of resource.

    Attributes:
        type: Pulumi's type token.
        operation: The operation that describes all of them.
        listed: The field of its answer that holds them.
        id: The field of each that holds its id.
    """

    type: str
    operation: str
    listed: str
    id: str


# Each kind is asked for by itself: DescribeTags goes on naming what has been deleted.
EC2_KINDS = (
    Ec2Kind(type="aws:ec2/vpc:Vpc", operation="describe_vpcs", listed="Vpcs", id="VpcId"),
    Ec2Kind(type="aws:ec2/subnet:Subnet", operation="describe_subnets", listed="Subnets", id="SubnetId"),
    Ec2Kind(
        type="aws:ec2/internetGateway:InternetGateway",
        operation="describe_internet_gateways",
        listed="InternetGateways",
        id="InternetGatewayId",
    ),
    Ec2Kind(
        type="aws:ec2/routeTable:RouteTable", operation="describe_route_tables", listed="RouteTables", id="RouteTableId"
    ),
    Ec2Kind(
        type="aws:ec2/securityGroup:SecurityGroup",
        operation="describe_security_groups",
        listed="SecurityGroups",
        id="GroupId",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Found:
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

    def __init__(self, account: LocalAccount, *, environment: str) -> None:
        """Take the account and the value of the tag `Environment`."""
        variables = account.variables()
        self._session = boto3.Session(
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=variables["AWS_REGION"],
        )
        self._url = account.aws_url
        self._environment = environment

    def all(self) -> list[Found]:
        """Find everything."""
        return [*self._ec2(), *self._buckets(), *self._topics(), *self._roles(), *self._profiles(), *self._budgets()]

    def account_id(self) -> str:
        """Give the account's number."""
        return str(self._client("sts").get_caller_identity()["Account"])

    def _client(self, service: str) -> Any:  # boto3 makes its clients' classes at run time
        return self._session.client(service, endpoint_url=self._url, config=_CLIENT)

    def _is_ours(self, tags: dict[str, str]) -> bool:
        return tags.get("project") == PROJECT and tags.get("Environment") == self._environment

    def _ec2(self) -> Iterator[Found]:
        ec2 = self._client("ec2")
        ours = [
            {"Name": "tag:project", "Values": [PROJECT]},
            {"Name": "tag:Environment", "Values": [self._environment]},
        ]
        for kind in EC2_KINDS:
            for page in ec2.get_paginator(kind.operation).paginate(Filters=ours):
                for resource in page[kind.listed]:
                    yield Found(type=kind.type, id=resource[kind.id], name=_tags(resource).get("Name", ""))
        alive = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
        for page in ec2.get_paginator("describe_instances").paginate(Filters=[*ours, alive]):
            for reservation in page["Reservations"]:
                for instance in reservation["Instances"]:
                    name = _tags(instance).get("Name", "")
                    yield Found(type="aws:ec2/instance:Instance", id=instance["InstanceId"], name=name)

    def _buckets(self) -> Iterator[Found]:
        s3 = self._client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            name = bucket["Name"]
            try:
                tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchTagSet":
                    raise
                continue
            if self._is_ours(tags):
                yield Found(type="aws:s3/bucket:Bucket", id=name, name=tags.get("Name", ""))

    def _topics(self) -> Iterator[Found]:
        sns = self._client("sns")
        for page in sns.get_paginator("list_topics").paginate():
            for topic in page["Topics"]:
                arn = topic["TopicArn"]
                tags = {tag["Key"]: tag["Value"] for tag in sns.list_tags_for_resource(ResourceArn=arn)["Tags"]}
                if self._is_ours(tags):
                    yield Found(type="aws:sns/topic:Topic", id=arn, name=tags.get("Name", ""))

    def _roles(self) -> Iterator[Found]:
        iam = self._client("iam")
        for page in iam.get_paginator("list_roles").paginate():
            for role in page["Roles"]:
                name = role["RoleName"]
                if not name.startswith(f"{PROJECT}-{self._environment}-"):
                    continue
                tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
                if self._is_ours(tags):
                    yield Found(type="aws:iam/role:Role", id=name, name=tags.get("Name", ""))

    def _profiles(self) -> Iterator[Found]:
        iam = self._client("iam")
        for page in iam.get_paginator("list_instance_profiles").paginate():
            for profile in page["InstanceProfiles"]:
                name = profile["InstanceProfileName"]
                tags = {tag["Key"]: tag["Value"] for tag in profile.get("Tags", [])}
                if self._is_ours(tags):
                    yield Found(type="aws:iam/instanceProfile:InstanceProfile", id=name, name=tags.get("Name", ""))

    def _budgets(self) -> Iterator[Found]:
        budgets = self._client("budgets")
        account_id = self.account_id()
        for page in budgets.get_paginator("describe_budgets").paginate(AccountId=account_id):
            for budget in page.get("Budgets", []):
                name = budget["BudgetName"]
                arn = f"arn:aws:budgets::{account_id}:budget/{name}"
                listed = budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
                tags = {tag["Key"]: tag["Value"] for tag in listed}
                if self._is_ours(tags):
                    yield Found(type="aws:budgets/budget:Budget", id=f"{account_id}:{name}", name=tags.get("Name", ""))


def _tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
