"""A Pulumi program that declares a set of resources many times."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAY_DESCRIBE_TAGS = {"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"}
_TRUSTED_SERVICE = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
_PORTS = (443, 8443, 9443)


def declare_sets(count: int) -> None:
    """Declare a VPC, and sets of 12 resources."""
    vpc = aws.ec2.Vpc("growth", cidr_block="10.0.0.0/16")
    for number in range(count):
        _declare_access(f"growth-{number}", vpc)
        _declare_service(f"growth-{number}")


def _declare_access(name: str, vpc: aws.ec2.Vpc) -> None:
    role = aws.iam.Role(name, name=name, assume_role_policy=_write_policy(_TRUSTED_SERVICE))
    aws.iam.RolePolicy(name, role=role.name, name=name, policy=_write_policy(_MAY_DESCRIBE_TAGS))
    group = aws.ec2.SecurityGroup(name, name=name, description=name, vpc_id=vpc.id)
    for port in _PORTS:
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-{port}",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4="10.0.0.0/16",
        )


def _declare_service(name: str) -> None:
    aws.cloudwatch.LogGroup(name, name=f"/{name}", retention_in_days=30)
    aws.ssm.Parameter(name, name=f"/{name}", type="String", value=name)
    topic = aws.sns.Topic(name, name=name)
    aws.cloudwatch.MetricAlarm(
        name,
        name=name,
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        metric_name="Errors",
        namespace="Growth",
        period=300,
        statistic="Sum",
        threshold=1,
        alarm_actions=[topic.arn],
    )
    bucket = aws.s3.Bucket(name, bucket=f"{name}-bucket")
    aws.s3.BucketPublicAccessBlock(name, bucket=bucket.id, block_public_acls=True, block_public_policy=True)


def _write_policy(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
