"""Each rule accepts what it should and reports what it should, and the stack as declared violates none."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from infra.tags import REQUIRED_TAGS
from policies.estimated_types import ESTIMATED_TYPES
from policies.exemptions import EXEMPTIONS_FILE, Exemption, ExemptionError, parse_exemptions, violation_message
from policies.model import UNKNOWN, CheckedResource, ResourceRule, StackRule, Violation
from policies.rules import RESOURCE_RULES, RULES, STACK_RULES
from policies.tagging import UNTAGGABLE_TYPES
from tests.unit.infra.conftest import REGION, Recorder, Resource
from tests.unit.infra.test_components import deploy, taggable

DOCUMENT = Path(__file__).parents[3] / "docs" / "policies.md"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
BUDGET = "aws:budgets/budget:Budget"
BUCKET = "aws:s3/bucket:Bucket"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
TAGGED = {"tags": dict.fromkeys(REQUIRED_TAGS, "x")}
EVERY_BLOCK = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def policy_document(**statement: Any) -> dict[str, Any]:
    return {"policy": json.dumps({"Statement": [{"Effect": "Allow", "Sid": "It", **statement}]})}


def daily_budget(limit: str, *percentages: int) -> dict[str, Any]:
    alert = {"notificationType": "ACTUAL", "thresholdType": "PERCENTAGE", "subscriberSnsTopicArns": ["arn"]}
    alerts = [{**alert, "threshold": float(percentage)} for percentage in percentages]
    return {"timeUnit": "DAILY", "limitAmount": limit, "notifications": alerts}


def spot_group(role: str, percentage: int) -> dict[str, Any]:
    distribution = {"onDemandPercentageAboveBaseCapacity": percentage}
    return {
        "tags": [{"key": "Role", "value": role}],
        "mixedInstancesPolicy": {"instancesDistribution": distribution},
    }


def typed_group(*names: str) -> dict[str, Any]:
    return {"mixedInstancesPolicy": {"launchTemplate": {"overrides": [{"instanceType": name} for name in names]}}}


def sized_group(count: str, most: int) -> dict[str, Any]:
    return {"tags": [{"key": "Nodes", "value": count}], "maxSize": float(most)}


def metadata_options(tokens: str) -> dict[str, Any]:
    return {"metadataOptions": {"httpTokens": tokens}}


def template_disk(encrypted: object, volume_type: str = "gp3") -> dict[str, Any]:
    return {"blockDeviceMappings": [{"ebs": {"encrypted": encrypted, "volumeType": volume_type}}]}


PASSED_TO_EC2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
PASSED_ELSEWHERE = {"StringNotEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("required-tags", BUCKET, TAGGED, ""),
    ("required-tags", BUCKET, {"tags": UNKNOWN}, ""),
    ("required-tags", "aws:ec2/route:Route", {}, ""),
    ("required-tags", "github:index/repository:Repository", {}, ""),
    ("required-tags", BUCKET, {"tags": {**TAGGED["tags"], "Owner": ""}}, "lacks the tag Owner"),
    ("spot-in-cluster-only", GROUP, spot_group("storage", 0), ""),
    ("spot-in-cluster-only", GROUP, spot_group("orchestrator", 100), ""),
    ("spot-in-cluster-only", GROUP, spot_group("orchestrator", 50), "Role is orchestrator"),
    ("spot-in-cluster-only", INSTANCE, {"instanceMarketOptions": {"marketType": "spot"}}, "Role is missing"),
    ("no-public-ingress", INGRESS, {"referencedSecurityGroupId": "sg-1"}, ""),
    ("no-public-ingress", INGRESS, {"cidrIpv4": "10.0.0.0/16"}, ""),
    ("no-public-ingress", INGRESS, {"cidrIpv4": "0.0.0.0/0"}, r"admits 0\.0\.0\.0/0"),
    ("no-public-ingress", INGRESS, {"cidrIpv4": "0.0.0.0/1"}, r"admits 0\.0\.0\.0/1"),
    ("no-public-ingress", INGRESS, {"cidrIpv6": "::/0"}, "admits ::/0"),
    ("no-public-ingress", SECURITY_GROUP, {"ingress": [{"cidrBlocks": ["8.8.8.0/24"]}]}, "admits 8"),
    ("no-public-ingress", SECURITY_GROUP, {"egress": [{"cidrBlocks": ["0.0.0.0/0"]}]}, ""),
    ("imdsv2", INSTANCE, metadata_options("required"), ""),
    ("imdsv2", TEMPLATE, metadata_options("optional"), "does not require session tokens"),
    ("imdsv2", INSTANCE, {}, "does not require session tokens"),
    ("encryption", TEMPLATE, template_disk("true"), ""),
    ("encryption", TEMPLATE, template_disk("false"), "not encrypted"),
    ("encryption", INSTANCE, {"rootBlockDevice": {"encrypted": True}}, ""),
    ("encryption", INSTANCE, {}, "not encrypted"),
    ("encryption", "aws:ebs/volume:Volume", {"encrypted": False}, "not encrypted"),
    ("encryption", "aws:sns/topic:Topic", {"kmsMasterKeyId": UNKNOWN}, ""),
    ("encryption", "aws:sns/topic:Topic", {}, "names no KMS key"),
    ("encryption", "aws:cloudwatch/logGroup:LogGroup", {}, "names no KMS key"),
    ("encryption", "aws:sqs/queue:Queue", {}, ""),
    ("encryption", "aws:sqs/queue:Queue", {"sqsManagedSseEnabled": False}, "not encrypted"),
    ("encryption", "aws:kms/key:Key", {"enableKeyRotation": False}, "not rotated"),
    (
        "encryption",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
        "not encryption with a KMS key",
    ),
    ("no-wildcard-actions", ROLE_POLICY, policy_document(Action="s3:GetObject"), ""),
    ("no-wildcard-actions", ROLE_POLICY, policy_document(Action=["s3:GetObject", "s3:Put*"]), r"It allows s3:Put\*"),
    ("no-wildcard-actions", ROLE_POLICY, policy_document(NotAction="iam:PassRole"), "It allows NotAction"),
    ("no-wildcard-actions", ROLE_POLICY, policy_document(Effect="Deny", Action="*"), ""),
    ("no-wildcard-actions", ROLE_POLICY, {"policy": UNKNOWN}, ""),
    ("pass-role-to-service", ROLE_POLICY, policy_document(Action="iam:PassRole", Condition=PASSED_TO_EC2), ""),
    (
        "pass-role-to-service",
        ROLE_POLICY,
        policy_document(Action="iam:PassRole", Condition=PASSED_ELSEWHERE),
        "any service",
    ),
    ("pass-role-to-service", ROLE_POLICY, policy_document(Action=["iam:passrole"]), "any service"),
    ("daily-budget", BUDGET, daily_budget("100", 80, 100), ""),
    ("daily-budget", BUDGET, daily_budget("100.5", 80, 100), r"more than \$100"),
    ("daily-budget", BUDGET, daily_budget("50", 100), "no alert at 80 %"),
    ("daily-budget", BUDGET, {"timeUnit": "MONTHLY", "limitAmount": "3000"}, ""),
    ("priced-types", INSTANCE, {"instanceType": "c7a.2xlarge"}, ""),
    ("priced-types", GROUP, typed_group("i4i.2xlarge", "u-24tb1.112xlarge"), r"known for ec2/u-24tb1\.112xlarge"),
    ("priced-types", TEMPLATE, template_disk("true", "io2"), "known for ebs/io2"),
    ("estimated-types", BUCKET, {}, ""),
    ("estimated-types", "aws:rds/instance:Instance", {}, "does not know what aws:rds/instance:Instance costs"),
    ("nodes-within-estimate", GROUP, sized_group("3", 4), ""),
    ("nodes-within-estimate", GROUP, sized_group("3", 5), "maximum is 5 nodes"),
    ("nodes-within-estimate", GROUP, {"maxSize": 1.0}, "no tag Nodes"),
    ("protected-state", BUCKET, {"tags": {"Role": "artifacts"}}, ""),
    ("protected-state", BUCKET, {"tags": {"Role": "state"}}, "not protected"),
]
"""Rule, type, properties, and a pattern of what is reported; "" for nothing."""


def resource_rule(name: str) -> ResourceRule:
    [rule] = [rule for rule in RESOURCE_RULES if rule.name == name]
    return rule


def stack_rule(name: str) -> StackRule:
    [rule] = [rule for rule in STACK_RULES if rule.name == name]
    return rule


def checked_resource(type_: str, **properties: Any) -> CheckedResource:
    return CheckedResource(type=type_, name="it", properties=properties, urn=f"urn:{type_}", region=REGION)


def test_a_rule_reports_what_violates_it_alone() -> None:
    found = [(case, list(resource_rule(case[0]).find_problems(checked_resource(case[1], **case[2])))) for case in CASES]

    assert [
        (case, problems)
        for case, problems in found
        if len(problems) != bool(case[3]) or not all(re.search(case[3], problem) for problem in problems)
    ] == []


def test_each_rule_has_a_case_that_passes_and_one_that_fails() -> None:
    assert {(name, bool(reported)) for name, _, _, reported in CASES} == {
        (rule.name, fails) for rule in RESOURCE_RULES for fails in (True, False)
    }


def test_the_tags_of_an_adopted_bucket_and_a_protected_state_bucket_are_accepted() -> None:
    bucket = checked_resource(BUCKET, tags={"Role": "state"})

    assert not list(resource_rule("required-tags").find_problems(replace(bucket, ignores_tags=True)))
    assert not list(resource_rule("protected-state").find_problems(replace(bucket, protected=True)))


def test_a_bucket_without_its_parts_is_reported_with_what_it_lacks() -> None:
    bucket = checked_resource(BUCKET, bucket="b")
    parts = {
        "a complete public access block": checked_resource(
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket="b", **EVERY_BLOCK
        ),
        "versions": checked_resource(
            "aws:s3/bucketVersioning:BucketVersioning", bucket="b", versioningConfiguration={"status": "Enabled"}
        ),
        "a policy that denies requests without TLS": checked_resource(
            "aws:s3/bucketPolicy:BucketPolicy", bucket="b", **policy_document(**TLS_ONLY)
        ),
    }
    find = stack_rule("private-buckets").find_violations

    assert not list(find([bucket, *parts.values()]))
    # Before the bucket exists, its name is unknown.
    new = [replace(part, properties={**part.properties, "bucket": UNKNOWN}) for part in parts.values()]
    assert len(list(find([bucket, *new]))) == 1
    assert not list(find([bucket, *(replace(part, bucket_urns=frozenset({bucket.urn})) for part in new)]))
    for what in parts:
        rest = [part for name, part in parts.items() if name != what]
        assert [each.problem for each in find([bucket, *rest])] == [f"It lacks {what}."]
    half = replace(parts["a complete public access block"], properties={"bucket": "b", "blockPublicAcls": True})
    assert len(list(find([bucket, half, *list(parts.values())[1:]]))) == 1


def test_a_public_address_is_reported_only_behind_a_nat_gateway() -> None:
    machine = checked_resource(INSTANCE, associatePublicIpAddress=True)
    template = checked_resource(TEMPLATE, networkInterfaces=[{"associatePublicIpAddress": "true"}])
    subnet = checked_resource("aws:ec2/subnet:Subnet", mapPublicIpOnLaunch=True)
    gateway = checked_resource("aws:ec2/natGateway:NatGateway")
    private = checked_resource(INSTANCE, associatePublicIpAddress=False)
    find = stack_rule("no-public-address").find_violations

    assert not list(find([machine, template, subnet]))
    found = [each.resource for each in find([machine, template, subnet, gateway, private])]
    assert found == [machine, template, subnet]


def test_machines_without_a_daily_budget_are_reported() -> None:
    find = stack_rule("budget-exists").find_violations

    assert len(list(find([checked_resource(INSTANCE), checked_resource(BUDGET, timeUnit="MONTHLY")]))) == 1
    assert not list(find([checked_resource(INSTANCE), checked_resource(BUDGET, timeUnit="DAILY")]))
    assert not list(find([]))


def as_checked(declared: Resource) -> CheckedResource:
    return CheckedResource(
        type=declared.type,
        name=declared.name,
        properties=declared.inputs,
        urn=f"{declared.type}::{declared.name}",
        protected=declared.protect,
        region=REGION,
    )


def declared_stacks() -> list[Recorder]:
    return [
        deploy(egress="nat", orchestratorHours="weekdays", managesRepository="true"),
        deploy(egress="public-ip"),
    ]


def test_the_stack_as_declared_violates_no_rule() -> None:
    for recorder in declared_stacks():
        declared = list(map(as_checked, recorder.custom))
        assert len(declared) > 150
        found = [
            f"{rule.name}: {each.name}: {problem}"
            for rule in RESOURCE_RULES
            for each in declared
            for problem in rule.find_problems(each)
        ]
        assert found == []
        assert [each for rule in STACK_RULES for each in rule.find_violations(declared)] == []


def test_the_lists_of_types_are_those_of_the_stack() -> None:
    declared = [of for recorder in declared_stacks() for of in recorder.custom if of.type.startswith("aws:")]

    assert {of.type for of in declared} == ESTIMATED_TYPES
    assert {of.type for of in declared if not taggable(of)} == UNTAGGABLE_TYPES


LAST_DAY = date(2026, 12, 5)
EXEMPTION = Exemption(rule="imdsv2", resource="it", reason="an old agent", expires=LAST_DAY)


def test_an_exemption_holds_until_its_last_day_and_then_says_that_it_expired() -> None:
    rule = resource_rule("imdsv2")
    violation = Violation(resource=checked_resource(INSTANCE), problem="It is old.")

    assert violation_message(rule, violation, [EXEMPTION], today=LAST_DAY) is None
    later = violation_message(rule, violation, [EXEMPTION], today=date(2026, 12, 6))
    assert later == (
        "imdsv2: It is old. Its exemption expired on 2026-12-05 (an old agent).\n"
        'Repair: metadata_options={"http_tokens": "required", …}'
    )
    for other in (replace(EXEMPTION, resource="other"), replace(EXEMPTION, rule="encryption")):
        assert (
            violation_message(rule, violation, [other], today=LAST_DAY)
            == later.replace(" Its exemption expired on 2026-12-05 (an old agent).", "")
            if later
            else False
        )


def test_a_file_of_exemptions_is_read_and_a_wrong_entry_is_an_error() -> None:
    entry = "exemptions:\n- {rule: imdsv2, resource: it, reason: an old agent, expires: 2026-12-05}\n"
    assert parse_exemptions(entry) == (EXEMPTION,)
    assert parse_exemptions(EXEMPTIONS_FILE.read_text()) == ()
    for wrong in ("rule: imdsv3", "reason: ''", "expires: never", "until: 2026-12-05"):
        key = wrong.partition(":")[0]
        changed = re.sub(rf"{key}: [^,}}]+", wrong, entry) if key != "until" else entry.replace("expires", "until")
        with pytest.raises(ExemptionError):
            parse_exemptions(changed)


def test_the_documentations_table_names_each_rule_as_the_code_does() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), flags=re.MULTILINE)

    assert rows == [(rule.name, rule.enforcement, rule.summary, rule.reason) for rule in RULES]
