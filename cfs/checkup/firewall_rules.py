"""Checks whether the stack's security groups allow exactly the declared ingress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor.findings import good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

CHECK = "firewall"
_GROUP_TYPES = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
_INGRESS_TYPE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def examine_firewall(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare the recorded ingress rules with those in EC2."""
    groups = [found["id"] for found in facts.stack.list_recorded(*_GROUP_TYPES)]
    if not groups:
        return
    declared = {found["id"]: found["urn"].rpartition("::")[2] for found in facts.stack.list_recorded(_INGRESS_TYPE)}
    listed = facts.aws.list_items(
        "ec2",
        "describe_security_group_rules",
        "SecurityGroupRules[?!IsEgress]",
        Filters=[{"Name": "group-id", "Values": groups}],
    )
    actual = list(listed)
    found = [
        *(_open_port_finding(rule, region_option=facts.region_option) for rule in undeclared_rules(actual, declared)),
        *(
            wrong_finding(CHECK, f"The rule {name} is deleted.", repair=facts.environment.redeploy_command)
            for rule, name in declared.items()
            if rule not in {each["SecurityGroupRuleId"] for each in actual}
        ),
    ]
    yield from found or [good_finding(CHECK, f"{len(groups)} security groups allow only the declared ingress.")]


def undeclared_rules(actual: Sequence[Mapping[str, Any]], declared: Collection[str]) -> list[Mapping[str, Any]]:
    """Return the ingress rules that the stack does not declare."""
    return [rule for rule in actual if rule["SecurityGroupRuleId"] not in declared]


def _open_port_finding(rule: Mapping[str, Any], *, region_option: str) -> Finding:
    source = rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId")
    group = (rule.get("ReferencedGroupInfo") or {}).get("GroupId", "unknown")
    first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
    ports = "all ports" if first == -1 else f"port {first}" if first == last else f"ports {first} to {last}"
    return wrong_finding(
        CHECK,
        f"{rule['GroupId']} is open to {source or group}: {ports} ({rule['IpProtocol']}), which nothing declares.",
        repair=f"aws ec2 revoke-security-group-ingress --group-id {rule['GroupId']} "
        f"--security-group-rule-ids {rule['SecurityGroupRuleId']} {region_option}",
    )
