"""Limits that depend on what the account has: each admits the last thing that fits, and refuses the next one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local.aws.api_rules.account_limits import ACCOUNT_RULES
from local.aws.gaps import close_gaps
from tests.mocked_clients import mocked_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RULES = {rule.name: rule for rule in ACCOUNT_RULES}
Parameters = dict[str, Any]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, one_image: None) -> Iterator[None]:  # noqa: ARG001
    """Create an empty account."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    with mock_aws():
        close_gaps()
        yield


def policy(size: int = 1) -> str:
    statement = {"Sid": "a" * size, "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def tags(count: int, *, first: int = 0) -> list[dict[str, str]]:
    return [{"Key": f"key-{first + number}", "Value": ""} for number in range(count)]


def create_role(**parameters: Any) -> Any:
    iam = mocked_client("iam")
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=TRUST, **parameters)
    return iam


def policies_of_role() -> tuple[Parameters, Parameters]:
    iam = create_role()
    arns = [iam.create_policy(PolicyName=f"p{n}", PolicyDocument=policy())["Policy"]["Arn"] for n in range(10)]
    for arn in arns:
        iam.attach_role_policy(RoleName="node", PolicyArn=arn)
    return {"RoleName": "node", "PolicyArn": arns[0]}, {"RoleName": "node", "PolicyArn": f"{arns[0]}0"}


def inline_policies() -> tuple[Parameters, Parameters]:
    create_role().put_role_policy(RoleName="node", PolicyName="a", PolicyDocument=policy(6000))
    good = {"RoleName": "node", "PolicyName": "a", "PolicyDocument": policy(9000)}
    return good, {**good, "PolicyName": "b"}


def tags_of_role() -> tuple[Parameters, Parameters]:
    create_role(Tags=tags(30))
    return {"RoleName": "node", "Tags": tags(30, first=20)}, {"RoleName": "node", "Tags": tags(30, first=21)}


def tags_of_policy() -> tuple[Parameters, Parameters]:
    made = mocked_client("iam").create_policy(PolicyName="grants", PolicyDocument=policy(), Tags=tags(30))
    arn = made["Policy"]["Arn"]
    return {"PolicyArn": arn, "Tags": tags(20, first=30)}, {"PolicyArn": arn, "Tags": tags(21, first=30)}


def create_network() -> tuple[str, str]:
    """Create a VPC and a subnet, and return their IDs."""
    ec2 = mocked_client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return vpc, ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]


def create_scaling_group() -> Any:
    mocked_client("ec2").create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData={"ImageId": "ami-1"})
    autoscaling = mocked_client("autoscaling")
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="nodes",
        MinSize=0,
        MaxSize=0,
        VPCZoneIdentifier=create_network()[1],
        LaunchTemplate={"LaunchTemplateName": "nodes"},
        Tags=[{**tag, "ResourceId": "nodes", "ResourceType": "auto-scaling-group"} for tag in tags(49)],
    )
    return autoscaling


def tags_of_group() -> tuple[Parameters, Parameters]:
    create_scaling_group()
    new = [{**tag, "ResourceId": "nodes"} for tag in tags(2, first=48)]
    return {"Tags": new}, {"Tags": [*new, {"Key": "key-50", "ResourceId": "nodes"}]}


def hooks_of_group() -> tuple[Parameters, Parameters]:
    autoscaling = create_scaling_group()
    for number in range(50):
        autoscaling.put_lifecycle_hook(
            AutoScalingGroupName="nodes",
            LifecycleHookName=f"hook-{number}",
            LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        )
    good = {"AutoScalingGroupName": "nodes", "LifecycleHookName": "hook-0"}
    return good, {**good, "LifecycleHookName": "hook-50"}


def groups_of_instance() -> tuple[Parameters, Parameters]:
    ec2 = mocked_client("ec2")
    (vpc, subnet), (other, _) = create_network(), create_network()
    groups = [ec2.create_security_group(GroupName="a", Description="a", VpcId=of)["GroupId"] for of in (vpc, other)]
    return {"SubnetId": subnet, "SecurityGroupIds": groups[:1]}, {"SubnetId": subnet, "SecurityGroupIds": groups}


def route_tables() -> tuple[Parameters, Parameters]:
    ec2 = mocked_client("ec2")
    vpc, subnet = create_network()
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    ec2.associate_route_table(SubnetId=subnet, RouteTableId=tables[0])
    return {"SubnetId": subnet, "RouteTableId": tables[0]}, {"SubnetId": subnet, "RouteTableId": tables[1]}


def metric_filters() -> tuple[Parameters, Parameters]:
    logs = mocked_client("logs")
    logs.create_log_group(logGroupName="nodes")
    counted = [{"metricName": "errors", "metricNamespace": "CFS", "metricValue": "1"}]
    for number in range(100):
        logs.put_metric_filter(
            logGroupName="nodes", filterName=f"f{number}", filterPattern="", metricTransformations=counted
        )
    return {"logGroupName": "nodes", "filterName": "f0"}, {"logGroupName": "nodes", "filterName": "f100"}


def bucket_policy() -> tuple[Parameters, Parameters]:
    where: Any = {"LocationConstraint": "us-west-2"}
    mocked_client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration=where)

    def on(*resources: str) -> Parameters:
        return {"Bucket": "artifacts", "Policy": json.dumps({"Statement": [{"Resource": [*resources]}]})}

    own = ("arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*")
    return on(*own), on(*own, "arn:aws:s3:::artifacts-of-others/*")


CASES: dict[str, Callable[[], tuple[Parameters, Parameters]]] = {
    "a role has at most 10 managed policies": policies_of_role,
    "a role's inline policies together have at most 10,240 characters": inline_policies,
    "a role has at most 50 tags": tags_of_role,
    "a managed policy has at most 50 tags": tags_of_policy,
    "a group has at most 50 tags": tags_of_group,
    "a group has at most 50 lifecycle hooks": hooks_of_group,
    "an instance's security groups are in its subnet's VPC": groups_of_instance,
    "a subnet has one route table": route_tables,
    "a log group has at most 100 metric filters": metric_filters,
    "a bucket's policy is about the bucket": bucket_policy,
}


def test_each_limit_has_a_case() -> None:
    assert sorted(CASES) == sorted(RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_limit_admits_what_fits_and_refuses_what_does_not(name: str) -> None:
    good, bad = CASES[name]()
    assert RULES[name].find_fault(good) == ""
    assert RULES[name].find_fault(bad)


def code_of(call: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


def test_limits_that_moto_has_need_no_rule() -> None:
    iam, ec2 = mocked_client("iam"), mocked_client("ec2")
    arn = iam.create_policy(PolicyName="grants", PolicyDocument=policy())["Policy"]["Arn"]
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy())
    assert code_of(iam.create_policy_version, PolicyArn=arn, PolicyDocument=policy()) == "LimitExceeded"

    vpc, _ = create_network()
    group = ec2.create_security_group(GroupName="a", Description="a", VpcId=vpc)["GroupId"]
    ranges = [{"CidrIp": f"10.0.0.{number}/32"} for number in range(61)]
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**rule, "IpRanges": ranges[:60]}])
    over: Parameters = {"GroupId": group, "IpPermissions": [{**rule, "IpRanges": ranges[60:]}]}
    assert code_of(ec2.authorize_security_group_ingress, **over) == "RulesPerSecurityGroupLimitExceeded"

    ec2.create_tags(Resources=[vpc], Tags=tags(50))
    assert code_of(ec2.create_tags, Resources=[vpc], Tags=tags(1, first=50)) == "TagLimitExceeded"
