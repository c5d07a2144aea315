"""EC2 checks each resource of a call on its own, by the tags that it bears or is to get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import IMAGE
from tests.unit.local.aws.iam.conftest import ACCOUNT, REGION, document, refusal, statement

if TYPE_CHECKING:
    from tests.unit.local.aws.iam.conftest import Guarded

EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
OURS = [{"Key": "Environment", "Value": "prod"}]
OTHERS = [{"Key": "Environment", "Value": "other"}]
REQUESTED = {"Condition": {"StringEquals": {"aws:RequestTag/Environment": "prod"}}}
BORNE = {"Condition": {"StringEquals": {"aws:ResourceTag/Environment": "prod"}}}


def tagged(type_: str, tags: list[dict[str, str]] = OURS) -> list[dict[str, Any]]:
    return [{"ResourceType": type_, "Tags": tags}]


def made_vpc(account: Guarded, tags: list[dict[str, str]] = OURS) -> str:
    vpc = account.client("ec2").create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", tags))
    return str(vpc["Vpc"]["VpcId"])


def test_what_is_created_is_judged_by_the_tags_that_it_gets_and_what_is_used_by_those_that_it_bears(
    account: Guarded,
) -> None:
    ours, others = made_vpc(account), made_vpc(account, OTHERS)
    ec2 = account.acting(
        "ec2",
        statement("ec2:CreateSubnet", resource=f"{EC2}:subnet/*", **REQUESTED),
        statement("ec2:CreateSubnet", resource=f"{EC2}:vpc/*", **BORNE),
        statement(
            "ec2:CreateTags",
            resource=f"{EC2}:subnet/*",
            Condition={"StringEquals": {"ec2:CreateAction": "CreateSubnet"}},
        ),
    )
    network = {"CidrBlock": "10.0.1.0/24", "TagSpecifications": tagged("subnet")}

    subnet = ec2.create_subnet(VpcId=ours, **network)["Subnet"]["SubnetId"]
    assert f"on resource: {EC2}:vpc/{others}" in refusal(ec2.create_subnet, VpcId=others, **network)[1]
    assert f"on resource: {EC2}:subnet/*" in refusal(ec2.create_subnet, VpcId=ours, CidrBlock="10.0.2.0/24")[1]
    # The right to tag at creation does not allow tagging later.
    assert "ec2:CreateTags" in refusal(ec2.create_tags, Resources=[subnet], Tags=OTHERS)[1]


def test_the_default_security_group_is_told_by_its_vpc(account: Guarded) -> None:
    vpc = made_vpc(account)
    [group] = account.client("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    revoke = {"GroupId": group["GroupId"], "IpPermissions": group["IpPermissionsEgress"]}
    of_vpc = {"Condition": {"ArnLike": {"ec2:Vpc": f"{EC2}:vpc/{vpc}"}}}

    ec2 = account.acting(
        "ec2", statement("ec2:RevokeSecurityGroupEgress", resource=f"{EC2}:security-group/*", **of_vpc)
    )

    ec2.revoke_security_group_egress(**revoke)
    assert "ec2:RevokeSecurityGroupIngress" in refusal(ec2.revoke_security_group_ingress, **revoke)[1]


def test_an_association_is_judged_as_the_route_table_that_it_belongs_to(account: Guarded) -> None:
    administrator, vpc = account.client("ec2"), made_vpc(account)
    subnet = administrator.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    table = administrator.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    association = administrator.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]

    refused = refusal(account.acting("ec2").disassociate_route_table, AssociationId=association)[1]

    assert f"on resource: {EC2}:route-table/{table}" in refused
    administrator.disassociate_route_table(AssociationId=association)
    gone = refusal(account.acting("ec2", name="Other").disassociate_route_table, AssociationId=association)
    assert gone[0] == "InvalidAssociationID.NotFound"


def test_an_instance_tags_itself_and_no_other(account: Guarded) -> None:
    launched = account.client("ec2").run_instances(ImageId=IMAGE, MinCount=2, MaxCount=2)["Instances"]
    own, other = (instance["InstanceId"] for instance in launched)
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    same = f"{EC2}:instance/${{ec2:InstanceID}}"
    itself = statement("ec2:CreateTags", Condition={"ArnLike": {"ec2:SourceInstanceARN": same}})
    role = account.role("Node", itself, trust=trust)
    sts = account.client("sts", aws_access_key_id="ec2.amazonaws.com", aws_secret_access_key="s")
    granted = sts.assume_role(RoleArn=role, RoleSessionName=own)["Credentials"]
    ec2 = account.client(
        "ec2",
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"],
    )

    ec2.create_tags(Resources=[own], Tags=OURS)
    assert f"{EC2}:instance/{other}" in refusal(ec2.create_tags, Resources=[other], Tags=OURS)[1]


def launch_policy(missing: str = "") -> list[dict[str, Any]]:
    """Return what a launch needs, but for the statement of one resource type."""
    run = "ec2:RunInstances"
    required = {"StringEquals": {"ec2:MetadataHttpTokens": "required", "aws:RequestTag/Environment": "prod"}}
    encrypted = {"Bool": {"ec2:Encrypted": "true"}, **REQUESTED["Condition"]}
    by_type = {
        "instance": statement(run, resource=f"{EC2}:instance/*", Condition=required),
        "volume": statement(run, resource=f"{EC2}:volume/*", Condition=encrypted),
        "network-interface": statement(run, resource=f"{EC2}:network-interface/*"),
        "subnet": statement(run, resource=f"{EC2}:subnet/*", **BORNE),
        "security-group": statement(run, resource=f"{EC2}:security-group/*", **BORNE),
        "image": statement(run, resource=f"arn:aws:ec2:{REGION}::image/*"),
        "launch-template": statement(run, resource=f"{EC2}:launch-template/*", **BORNE),
        "role": statement("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
        "key": statement("kms:*", Condition={"StringEquals": {"kms:ViaService": f"ec2.{REGION}.amazonaws.com"}}),
        "tags": statement("ec2:CreateTags", Condition={"StringEquals": {"ec2:CreateAction": "RunInstances"}}),
        "group": statement("autoscaling:CreateAutoScalingGroup"),
    }
    return [needed for name, needed in by_type.items() if name != missing]


@pytest.fixture
def template(account: Guarded) -> dict[str, str]:
    """A launch template that is all that a launch needs, and the subnet for it."""
    ec2, iam = account.client("ec2"), account.client("iam")
    vpc = made_vpc(account)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=tagged("subnet"))["Subnet"]
    group = ec2.create_security_group(
        GroupName="g", Description="g", VpcId=vpc, TagSpecifications=tagged("security-group")
    )["GroupId"]
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    iam.create_instance_profile(InstanceProfileName="p")
    account.role("Node")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="Node")
    made = ec2.create_launch_template(
        LaunchTemplateName="t",
        TagSpecifications=tagged("launch-template"),
        LaunchTemplateData={
            "ImageId": IMAGE,
            "InstanceType": "t3.micro",
            "IamInstanceProfile": {"Name": "p"},
            "SecurityGroupIds": [group],
            "MetadataOptions": {"HttpTokens": "required"},
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "Encrypted": True, "KmsKeyId": key}}
            ],
            "TagSpecifications": [*tagged("instance"), *tagged("volume")],
        },
    )["LaunchTemplate"]["LaunchTemplateId"]
    return {"template": str(made), "subnet": str(subnet["SubnetId"]), "key": str(key)}


def test_a_launch_from_a_template_needs_every_resource_that_it_creates_and_uses(
    account: Guarded, template: dict[str, str]
) -> None:
    launch = {
        "LaunchTemplate": {"LaunchTemplateId": template["template"]},
        "SubnetId": template["subnet"],
        "MinCount": 1,
        "MaxCount": 1,
    }
    ec2, iam = account.acting("ec2", *launch_policy()), account.client("iam")
    ec2.run_instances(**launch)

    for missing, touched in {
        "instance": f"{EC2}:instance/*",
        "volume": f"{EC2}:volume/*",
        "network-interface": f"{EC2}:network-interface/*",
        "subnet": f"{EC2}:subnet/{template['subnet']}",
        "security-group": f"{EC2}:security-group/sg-",
        "image": f"arn:aws:ec2:{REGION}::image/{IMAGE}",
        "launch-template": f"{EC2}:launch-template/{template['template']}",
        "role": f"arn:aws:iam::{ACCOUNT}:role/Node",
        "key": template["key"],
        "tags": f"{EC2}:instance/*",
    }.items():
        iam.put_role_policy(RoleName="Actor", PolicyName="own", PolicyDocument=document(*launch_policy(missing)))
        assert f"on resource: {touched}" in refusal(ec2.run_instances, **launch)[1], missing


def test_a_launch_on_the_spot_market_needs_the_request_that_it_creates(
    account: Guarded, template: dict[str, str]
) -> None:
    launch = {
        "LaunchTemplate": {"LaunchTemplateId": template["template"]},
        "SubnetId": template["subnet"],
        "InstanceMarketOptions": {"MarketType": "spot"},
    }

    refused = refusal(account.acting("ec2", *launch_policy()).run_instances, MinCount=1, MaxCount=1, **launch)[1]

    assert f"on resource: {EC2}:spot-instances-request/*" in refused


def test_whoever_makes_a_group_must_be_allowed_to_launch_its_template(
    account: Guarded, template: dict[str, str]
) -> None:
    group = {
        "AutoScalingGroupName": "g",
        "MinSize": 0,
        "MaxSize": 1,
        "VPCZoneIdentifier": template["subnet"],
        "LaunchTemplate": {"LaunchTemplateId": template["template"], "Version": "$Latest"},
    }
    make = account.acting("autoscaling", *launch_policy("subnet")).create_auto_scaling_group

    assert f"ec2:RunInstances on resource: {EC2}:subnet/{template['subnet']}" in refusal(make, **group)[1]


def test_a_command_needs_its_document_and_each_instance_by_its_tags(account: Guarded) -> None:
    [instance] = account.client("ec2").run_instances(
        ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=tagged("instance", OTHERS)
    )["Instances"]
    ssm = account.acting(
        "ssm",
        statement("ssm:SendCommand", resource=f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript"),
        statement(
            "ssm:SendCommand",
            resource=f"{EC2}:instance/*",
            Condition={"StringEquals": {"ssm:resourceTag/Environment": "prod"}},
        ),
    )
    command = {"DocumentName": "AWS-RunShellScript", "InstanceIds": [instance["InstanceId"]]}

    assert f"{EC2}:instance/{instance['InstanceId']}" in refusal(ssm.send_command, **command)[1]
    account.client("ec2").create_tags(Resources=[instance["InstanceId"]], Tags=OURS)
    ssm.send_command(**command)
