"""Names: each keeps its service's rules, none is cut silently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import naming
from infra.naming import physical_name
from infra.texts import InvalidTextError, TextRule

PARTS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=60)


def test_every_rule_names_its_source() -> None:
    rules = {name: rule for name, rule in vars(naming).items() if isinstance(rule, TextRule)}

    assert [name for name, rule in rules.items() if not rule.source.startswith("https://docs.aws.amazon.com/")] == []
    assert rules.keys() == {
        "AUTO_SCALING_GROUP",
        "BUDGET",
        "COST_ANOMALY_NAME",
        "DASHBOARD",
        "DYNAMODB_TABLE",
        "EVENT_RULE",
        "IAM_INSTANCE_PROFILE",
        "IAM_POLICY",
        "IAM_ROLE",
        "KMS_ALIAS",
        "LAMBDA_FUNCTION",
        "LAUNCH_TEMPLATE",
        "LOG_GROUP",
        "METRIC_ALARM",
        "S3_BUCKET",
        "SCHEDULE_GROUP",
        "SNS_TOPIC",
        "SQS_QUEUE",
        "SSM_DOCUMENT",
        "SSM_PARAMETER",
    }


@given(parts=st.lists(PARTS, min_size=2, max_size=6))
def test_a_name_is_never_longer_than_its_service_allows(parts: list[str]) -> None:
    for rule in (naming.S3_BUCKET, naming.IAM_ROLE, naming.BUDGET):
        assert len(physical_name(rule, *parts)) <= rule.max_length


def test_a_name_that_fits_is_its_parts() -> None:
    assert physical_name(naming.S3_BUCKET, "claudefs", "prod", "state") == "claudefs-prod-state"


def test_two_long_names_never_become_one() -> None:
    names = {physical_name(naming.S3_BUCKET, "claudefs", "x" * 60, end) for end in ("state", "artifacts")}

    assert len(names) == 2
    assert all(name.startswith("claudefs-xxx") and len(name) == 63 for name in names)


@pytest.mark.parametrize(
    "rule, name",
    [
        (naming.S3_BUCKET, "Claudefs"),
        (naming.S3_BUCKET, "a_b"),
        (naming.S3_BUCKET, "ab"),
        (naming.S3_BUCKET, "-ab"),
        (naming.S3_BUCKET, "ab-"),
        (naming.S3_BUCKET, "xn--ab"),
        (naming.S3_BUCKET, "ab-s3alias"),
        (naming.S3_BUCKET, "ab--ol-s3"),
        (naming.S3_BUCKET, "ab--x-s3"),
        (naming.IAM_ROLE, "a b"),
        (naming.IAM_ROLE, "é"),
        (naming.IAM_INSTANCE_PROFILE, "a/b"),
        (naming.KMS_ALIAS, "claudefs"),
        (naming.KMS_ALIAS, "alias/aws/claudefs"),
        (naming.LOG_GROUP, "aws/claudefs"),
        (naming.LOG_GROUP, "a b"),
        (naming.SNS_TOPIC, "a.b"),
        (naming.BUDGET, "a:b"),
    ],
)
def test_a_name_that_the_service_would_refuse_is_refused_with_value_and_rule(rule: TextRule, name: str) -> None:
    with pytest.raises(InvalidTextError) as raised:
        physical_name(rule, name)

    assert all(part in str(raised.value) for part in (rule.subject, repr(name), rule.source))
