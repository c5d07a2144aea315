"""What the checks of an environment decide, without an account: verdicts, and repairs as printed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cfs.checkup.boot_secrets import judge_boot_secret
from cfs.checkup.budget_alerts import FoundAlert, find_alert_faults, judge_subscriptions
from cfs.checkup.deployment import judge_engine
from cfs.checkup.identity import judge_clock
from cfs.checkup.instance_offers import judge_instance_offers
from cfs.checkup.models import foundation_model, judge_model
from cfs.checkup.quotas import (
    CONCURRENCY_QUOTA,
    ON_DEMAND_QUOTA,
    QuotaDemand,
    is_standard_type,
    judge_quota,
    on_demand_vcpus,
    spot_vcpus,
)
from cfs.checkup.roles import is_same_policy, judge_role
from cfs.checkup.suspensions import judge_group
from infra.config.stack_settings import settings_of_config
from toolchain import versions

REGION = "us-west-2"
OPTION = f"--region {REGION}"
SETTINGS = settings_of_config(
    {"aws:region": REGION, "github:owner": "acme", "github:organization": "acme"}, stack="local"
)
VCPUS = {
    "c7a.2xlarge": 8,
    **dict.fromkeys(("i4i.2xlarge", "i7i.2xlarge", "i3en.2xlarge", "i7ie.2xlarge"), 8),
    "i4i.4xlarge": 16,
    "i3en.3xlarge": 12,
    **{f"{family}.xlarge": 4 for family in ("c7a", "c7i", "c6a", "c6i", "m7a", "m7i", "m6a")},
    **dict.fromkeys(("t3.medium", "t3a.medium", "t3.large", "t3a.large"), 2),
}


def test_the_default_cluster_needs_the_vcpus_that_the_readme_names() -> None:
    assert on_demand_vcpus(SETTINGS, VCPUS) == QuotaDemand(least=8, most=8)
    assert spot_vcpus(SETTINGS.all_node_groups, VCPUS) == QuotaDemand(least=54, most=104)


@pytest.mark.parametrize(
    "value, demand, verdict",
    [(5, (8, 8), "wrong"), (64, (54, 104), "doubtful"), (128, (54, 104), "good")],
)
def test_a_quota_is_judged_by_the_smallest_and_the_largest_demand(
    value: int, demand: tuple[int, int], verdict: str
) -> None:
    found = judge_quota(ON_DEMAND_QUOTA, value, QuotaDemand(least=demand[0], most=demand[1]), region=REGION)

    assert found.verdict == verdict


def test_a_quota_is_raised_by_the_printed_command() -> None:
    found = judge_quota(CONCURRENCY_QUOTA, 10, QuotaDemand(least=101, most=101), region=REGION)

    assert found.repair == (
        "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
        "--desired-value 128 --region us-west-2"
    )


@pytest.mark.parametrize("name, standard", [("i4i.2xlarge", True), ("inf2.xlarge", False), ("g5.xlarge", False)])
def test_other_quotas_count_accelerated_types(name: str, *, standard: bool) -> None:
    assert is_standard_type(name) is standard


def test_a_group_that_no_zone_can_run_is_wrong_and_one_that_some_zone_cannot_is_doubtful() -> None:
    all_types = set(VCPUS)
    offers = {"us-west-2a": all_types, "us-west-2b": {"c7a.xlarge"}, "us-west-2c": all_types - {"t3.medium"}}
    offers["us-west-2c"] -= set(SETTINGS.all_node_groups[0].instance_types)

    found = {
        finding.message.split(" of ")[1].split(":")[0]: finding for finding in judge_instance_offers(SETTINGS, offers)
    }

    assert {name: finding.verdict for name, finding in found.items()} == {"storage-a": "doubtful", "storage-b": "wrong"}
    assert found["storage-b"].repair == (
        "pulumi config set --path 'claudefs-infra:nodeGroups.storage-b.instanceTypes[0]' c7a.xlarge --stack local"
    )


@pytest.mark.parametrize(
    "described, verdict, repair",
    [
        (None, "wrong", "create-secret --name cfs/github-token --secret-string file:///dev/stdin"),
        ({"VersionIdsToStages": {}}, "wrong", "put-secret-value --secret-id cfs/github-token"),
        ({"DeletedDate": datetime(2026, 12, 1, tzinfo=UTC)}, "wrong", "restore-secret --secret-id cfs/github-token"),
        ({"VersionIdsToStages": {"1": ["AWSCURRENT"]}}, "good", ""),
    ],
)
def test_a_secret_needs_a_value_which_the_repair_keeps_out_of_the_arguments(
    described: dict[str, Any] | None, verdict: str, repair: str
) -> None:
    found = judge_boot_secret("cfs/github-token", "GITHUB_TOKEN", described, region_option=OPTION)

    assert found.verdict == verdict
    assert repair in found.repair


@pytest.mark.parametrize("minutes, verdict", [(0, "good"), (6, "wrong"), (-6, "wrong")])
def test_a_clock_that_aws_refuses_is_wrong(minutes: int, verdict: str) -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)

    assert judge_clock(now + timedelta(minutes=minutes), now).verdict == verdict


def test_an_engine_older_than_the_pinned_one_is_wrong() -> None:
    assert judge_engine(versions.built_engine_version()).verdict == "good"
    assert judge_engine("3.1.0").verdict == "wrong"


@pytest.mark.parametrize(
    "change, verdict",
    [
        ({}, "good"),
        ({"authorizationStatus": "NOT_AUTHORIZED"}, "wrong"),
        ({"agreementAvailability": {"status": "NOT_AVAILABLE"}}, "wrong"),
        ({"regionAvailability": "NOT_AVAILABLE"}, "good"),
    ],
)
def test_a_model_without_an_agreement_is_wrong_and_another_region_is_not(change: dict[str, Any], verdict: str) -> None:
    usable = {"agreementAvailability": {"status": "AVAILABLE"}, "authorizationStatus": "AUTHORIZED"}

    assert judge_model("anthropic.m", usable | change, region_option=OPTION).verdict == verdict


def test_a_profile_is_examined_as_its_model() -> None:
    assert foundation_model("us.anthropic.claude-haiku") == foundation_model("anthropic.claude-haiku")


TRUST = '{"Statement": [{"Action": "sts:AssumeRole", "Principal": {"Service": ["ec2.amazonaws.com"]}}]}'
TRUSTED = {"Statement": {"Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}}
ROLE = {
    "id": "claudefs-prod-node",
    "inputs": {
        "assumeRolePolicy": TRUST,
        "permissionsBoundary": "arn:b",
        "tags": {"project": "claudefs", "Environment": "prod"},
    },
}
IN_IAM = {
    "AssumeRolePolicyDocument": TRUSTED,
    "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:b"},
    "Tags": [{"Key": "project", "Value": "claudefs"}, {"Key": "Environment", "Value": "prod"}],
}


@pytest.mark.parametrize(
    "actual, repair",
    [
        (None, "redeploy"),
        (IN_IAM | {"PermissionsBoundary": {}}, "aws iam put-role-permissions-boundary --role-name claudefs-prod-node"),
        (IN_IAM | {"AssumeRolePolicyDocument": {"Statement": []}}, "aws iam update-assume-role-policy --role-name"),
        (IN_IAM | {"Tags": IN_IAM["Tags"][:1]}, "aws iam tag-role --role-name claudefs-prod-node --tags Key=Env"),  # type: ignore[index]
    ],
)
def test_a_role_that_was_changed_is_restored_by_the_printed_command(actual: dict[str, Any] | None, repair: str) -> None:
    [found] = judge_role(ROLE, actual, redeploy="redeploy")

    assert found.verdict == "wrong"
    assert found.repair.startswith(repair)


def test_a_role_as_declared_is_not_mentioned() -> None:
    assert list(judge_role(ROLE, IN_IAM, redeploy="redeploy")) == []
    assert not is_same_policy({"Action": ["a", "b"]}, {"Action": ["a"]})


@pytest.mark.parametrize("tags, verdict", [([], "wrong"), ([{"Key": "CfsGuardAction", "Value": "x"}], "doubtful")])
def test_a_suspended_group_is_wrong_unless_the_guard_suspended_it(tags: list[dict[str, str]], verdict: str) -> None:
    group = {
        "AutoScalingGroupName": "g",
        "SuspendedProcesses": [{"ProcessName": "Launch"}, {"ProcessName": "AZRebalance"}],
        "Tags": tags,
    }

    [found] = judge_group(group, ["AZRebalance"], environment="prod", region_option=OPTION)

    assert found.verdict == verdict
    assert found.message.startswith("g has suspended Launch.")


def test_a_missing_alert_and_one_that_misses_an_address_are_named() -> None:
    alerts = [FoundAlert(percentage=80.0, addresses=("topic",))]

    assert list(find_alert_faults(alerts, topic="topic", emails=["a@example.org"])) == [
        "the alert at 80 % does not reach a@example.org",
        "the alert at 100 % is missing",
    ]


@pytest.mark.parametrize(
    "subscription, verdict",
    [(("arn", "lambda"), "doubtful"), (("PendingConfirmation", "email"), "doubtful"), (("arn", "email"), "good")],
)
def test_a_topic_without_a_persons_confirmed_subscription_is_doubtful(
    subscription: tuple[str, str], verdict: str
) -> None:
    arn, protocol = subscription
    listed = [{"SubscriptionArn": arn, "Protocol": protocol, "Endpoint": "a@example.org"}]

    found = judge_subscriptions(listed, topic="arn:t", emails=["a@example.org"], region_option=OPTION)

    assert found.verdict == verdict
    assert found.repair == "" or found.repair.endswith("--notification-endpoint a@example.org")
