"""What an account already has: what goes into the import file, and what cannot be adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from cfs.aws import AwsAccount
from cfs.operate.import_file import DeclaredResource, fill_import_file, find_existing
from cfs.operate.leftovers import find_leftovers
from local.aws.gaps import close_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-west-2"
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture
def aws() -> Iterator[AwsAccount]:
    close_gaps()
    with mock_aws():
        yield AwsAccount(session=boto3.Session("key", "secret", region_name=REGION))


def client(aws: AwsAccount, service: str) -> Any:
    return aws.session.client(service)


def declared(type_token: str, physical: str = "", *, tag: str = "") -> DeclaredResource:
    return DeclaredResource(type=type_token, logical_name=f"l-{physical}{tag}", physical_name=physical, tag_name=tag)


def test_existing_resources_are_found_by_their_name_or_their_tags(aws: AwsAccount) -> None:
    client(aws, "iam").create_role(RoleName="claudefs-prod-node", AssumeRolePolicyDocument=TRUST)
    client(aws, "sns").create_topic(Name="claudefs-prod-budget-alerts")
    tags = {"project": "claudefs", "Environment": "prod", "Name": "claudefs-prod-vpc"}
    vpc = client(aws, "ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    client(aws, "ec2").create_tags(Resources=[vpc], Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    wanted = [
        declared("aws:iam/role:Role", "claudefs-prod-node"),
        declared("aws:iam/role:Role", "claudefs-prod-guard"),
        declared("aws:sns/topic:Topic", "claudefs-prod-budget-alerts"),
        declared("aws:ec2/vpc:Vpc", tag="claudefs-prod-vpc"),
        declared("aws:ec2/vpc:Vpc", tag="claudefs-prod-other"),
    ]

    found = find_existing(aws, "prod", wanted)

    assert found == {
        wanted[0]: "claudefs-prod-node",
        wanted[2]: f"arn:aws:sns:{REGION}:{DEFAULT_ACCOUNT_ID}:claudefs-prod-budget-alerts",
        wanted[3]: vpc,
    }


def test_the_import_file_has_only_existing_resources_and_their_parents() -> None:
    entries: list[dict[str, Any]] = [
        {"type": "claudefs:infra:Storage", "name": "storage", "component": True},
        {"type": "claudefs:infra:PrivateBucket", "name": "cache", "parent": "storage", "component": True},
        {"type": "claudefs:infra:Network", "name": "network", "component": True},
        {"type": "aws:s3/bucket:Bucket", "name": "cacheBucket", "logicalName": "l-b", "id": "?", "parent": "cache"},
        {"type": "aws:ec2/vpc:Vpc", "name": "vpc", "id": "?", "parent": "network"},
    ]

    filled = fill_import_file(entries, {declared("aws:s3/bucket:Bucket", "b"): "b"})

    assert [entry["name"] for entry in filled] == ["storage", "cache", "cacheBucket"]
    assert filled[-1]["id"] == "b"


def test_leftovers_are_listed_with_commands_that_remove_them_in_order(aws: AwsAccount) -> None:
    iam = client(aws, "iam")
    iam.create_role(RoleName="cfs-spot-node-role", AssumeRolePolicyDocument=TRUST)
    iam.create_role(RoleName="somebody-elses-role", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="cfs-spot-node-profile")
    iam.add_role_to_instance_profile(InstanceProfileName="cfs-spot-node-profile", RoleName="cfs-spot-node-role")
    client(aws, "s3").create_bucket(Bucket="claudefs-data", CreateBucketConfiguration={"LocationConstraint": REGION})

    role, bucket = find_leftovers(aws, account_id=DEFAULT_ACCOUNT_ID)

    assert (role.name, bucket.name) == ("role cfs-spot-node-role", "bucket claudefs-data")
    assert [command.split()[2] for command in role.removal.split(" && ")] == [
        "remove-role-from-instance-profile",
        "delete-instance-profile",
        "delete-role",
    ]
