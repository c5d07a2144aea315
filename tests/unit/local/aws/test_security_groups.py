"""The emulated EC2 refuses the descriptions of groups and rules that EC2 refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local.aws.gaps import close_gaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUP = "Invalid security group description. Valid descriptions are strings less than 256 characters"
NETWORK = "10.0.0.0/8"
RULE = "Invalid rule description. Valid descriptions are strings less than 256 characters"


@pytest.fixture
def ec2(one_image: None) -> Iterator[Any]:  # noqa: ARG001 — before the account is made
    close_gaps()
    with mock_aws():
        yield boto3.client("ec2", region_name="us-west-2", aws_access_key_id="a", aws_secret_access_key="b")


def create_group(ec2: Any, description: str) -> str:
    created: str = ec2.create_security_group(GroupName="nodes", Description=description)["GroupId"]
    return created


def permission(source: str, description: str) -> dict[str, Any]:
    """Describe a rule whose source is a network or a group."""
    named = {"GroupId": source} if source.startswith("sg-") else {"CidrIp": source}
    sources = "UserIdGroupPairs" if source.startswith("sg-") else "IpRanges"
    return {"IpProtocol": "tcp", "FromPort": 9, "ToPort": 9, sources: [{**named, "Description": description}]}


def authorize(ec2: Any, group: str, source: str, description: str) -> str:
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(source, description)])
    authorized: str = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return authorized


def change(ec2: Any, group: str, rule: str, description: str) -> None:
    """Describe a rule of a group anew."""
    changed = {"IpProtocol": "tcp", "FromPort": 9, "ToPort": 9, "CidrIpv4": NETWORK, "Description": description}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": changed}]
    )


def rule_descriptions(ec2: Any, group: str) -> list[str | None]:
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule.get("Description") for rule in rules if not rule["IsEgress"]]


@pytest.mark.parametrize(
    "describe, refusal",
    [
        (lambda ec2, _group, _rule, text: create_group(ec2, text), GROUP),
        (lambda ec2, group, _rule, text: authorize(ec2, group, group, text), RULE),
        (lambda ec2, group, _rule, text: authorize(ec2, group, NETWORK, text), RULE),
        (change, RULE),
    ],
    ids=["a group", "a rule between groups", "a rule for a network", "a changed rule"],
)
def test_a_description_outside_ec2s_characters_is_refused_in_its_words(
    ec2: Any, describe: Callable[[Any, str, str, str], object], refusal: str
) -> None:
    group = create_group(ec2, "Nodes, (A) & [B]: {1}; #2 = $3 + 4 @ 5 * 6!")
    rule = authorize(ec2, group, NETWORK, "NFS")

    for description in ("the clients' mounts", 'the "fast" ones', "naïve", "x" * 256):
        with pytest.raises(ClientError, match=f"InvalidParameterValue.*{refusal}"):
            describe(ec2, group, rule, description)
    assert rule_descriptions(ec2, group) == ["NFS"]


def test_a_description_within_them_is_kept(ec2: Any) -> None:
    group = create_group(ec2, "Nodes")
    authorize(ec2, group, group, "x" * 255)

    assert rule_descriptions(ec2, group) == ["x" * 255]
