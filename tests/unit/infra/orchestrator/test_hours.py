"""The orchestrator's hours: which schedules there are, and what their role may do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import pytest

from infra.access.statements import render_policy
from infra.naming import schedule_group_name
from infra.orchestrator.hours import (
    OrchestratorHours,
    OrchestratorHoursArgs,
    retry_seconds,
    scheduler_grants,
    scheduler_trust,
)
from infra.schedules.schedule import Calendar
from infra.scope import SecuredScope
from local.aws.iam.evaluation import policy_allows
from tests.unit.infra.conftest import ACCOUNT_ID, REGION, STACK, known, secured_stack
from tests.unit.infra.test_components import stack

if TYPE_CHECKING:
    from infra.tags import Tags
    from tests.unit.infra.conftest import Declare, Recorder

INSTANCE = "i-0123456789abcdef0"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1"
SCOPE = SecuredScope(account_id=ACCOUNT_ID, region=REGION, environment=STACK, key_arn=KEY)
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance"
POLICY = render_policy(*scheduler_grants(SCOPE, instance_id=INSTANCE))
FOR_A_DISK = {
    "kms:ViaService": f"ec2.{REGION}.amazonaws.com",
    "kms:GrantIsForAWSResource": "true",
    "kms:GrantOperations": "Decrypt",
    "kms:EncryptionContextKeys": "aws:ebs:id",
}
CALENDAR = Calendar(
    time_zone="America/Los_Angeles",
    start=time(8),
    stop=time(18, 30),
    holidays=frozenset({date(2026, 12, 25)}),
    extra_days=frozenset({date(2026, 12, 19)}),
)
NOW = datetime(2026, 12, 14, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def recorder(declare: Declare, tags: Tags) -> Recorder:
    """The schedules as declared."""
    return declare(
        lambda: (
            OrchestratorHours(
                "orchestrator-hours",
                args=OrchestratorHoursArgs(
                    instance_id=known(INSTANCE),
                    calendar=CALENDAR,
                    now=NOW,
                    stack=secured_stack(tags, key_arn=KEY),
                ),
            ).group_name
        )
    )


@pytest.mark.parametrize(
    "name, expression, operation",
    [
        ("start", "cron(0 8 ? * MON-FRI *)", "startInstances"),
        ("start-after-2026-12-25", "cron(0 8 ? * MON-FRI *)", "startInstances"),
        ("extra-2026-12-19", "at(2026-12-19T08:00:00)", "startInstances"),
        ("stop", "cron(30 18 * * ? *)", "stopInstances"),
    ],
)
def test_each_action_is_a_schedule_in_local_time(
    recorder: Recorder, name: str, expression: str, operation: str
) -> None:
    schedule = recorder.one("aws:scheduler/schedule:Schedule", f"orchestrator-hours-{name}").inputs
    assert schedule["name"] == name
    assert schedule["groupName"] == recorder.result == "claudefs-test-orchestrator-hours"
    assert schedule["scheduleExpression"] == expression
    assert schedule["scheduleExpressionTimezone"] == "America/Los_Angeles"
    assert schedule["flexibleTimeWindow"] == {"mode": "OFF"}
    assert schedule["target"]["arn"] == f"arn:aws:scheduler:::aws-sdk:ec2:{operation}"
    assert json.loads(schedule["target"]["input"]) == {"InstanceIds": [INSTANCE]}
    assert schedule["target"]["retryPolicy"] == {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 185}
    assert len(recorder.of("aws:scheduler/schedule:Schedule")) == 4


def test_segments_lie_around_the_holiday(recorder: Recorder) -> None:
    before = recorder.one("Schedule", "orchestrator-hours-start").inputs
    after = recorder.one("Schedule", "orchestrator-hours-start-after-2026-12-25").inputs
    assert "startDate" not in before
    assert before["endDate"] == "2026-12-25T15:59:00Z"
    assert after["startDate"] == "2026-12-28T15:59:00Z"  # a bound, and no time of its own
    assert "endDate" not in after
    for other in ("stop", "extra-2026-12-19"):
        assert not {"startDate", "endDate"} & recorder.one("Schedule", f"orchestrator-hours-{other}").inputs.keys()


def test_the_role_is_for_this_group_of_schedules_alone(recorder: Recorder) -> None:
    [statement] = recorder.one("Role").document("assumeRolePolicy")["Statement"]
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = f"arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/claudefs-test-orchestrator-hours"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": group},
    }
    assert json.loads(render_policy(scheduler_trust(SCOPE))) == recorder.one("Role").document("assumeRolePolicy")
    assert schedule_group_name("prod") != schedule_group_name("staging")


@pytest.mark.parametrize("action", ["ec2:StartInstances", "ec2:StopInstances"])
def test_the_role_starts_and_stops_the_orchestrator_and_nothing_else(action: str) -> None:
    assert policy_allows(POLICY, action, f"{EC2}/{INSTANCE}")
    assert not policy_allows(POLICY, action, f"{EC2}/i-0fedcba9876543210")


@pytest.mark.parametrize("action", ["ec2:TerminateInstances", "ec2:RebootInstances", "ec2:ModifyInstanceAttribute"])
def test_the_role_does_nothing_else_to_the_orchestrator(action: str) -> None:
    assert not policy_allows(POLICY, action, f"{EC2}/{INSTANCE}")


def test_the_key_is_lent_to_disks_that_ec2_attaches_and_for_nothing_else() -> None:
    assert policy_allows(POLICY, "kms:CreateGrant", KEY, FOR_A_DISK)
    for key, other in {
        "kms:ViaService": f"s3.{REGION}.amazonaws.com",
        "kms:GrantIsForAWSResource": "false",
        "kms:GrantOperations": "Encrypt",
        "kms:EncryptionContextKeys": "aws:s3:arn",
    }.items():
        assert not policy_allows(POLICY, "kms:CreateGrant", KEY, {**FOR_A_DISK, key: other})
        assert not policy_allows(POLICY, "kms:CreateGrant", KEY, {of: FOR_A_DISK[of] for of in FOR_A_DISK if of != key})
    assert not policy_allows(POLICY, "kms:CreateGrant", KEY.replace("key/1", "key/2"), FOR_A_DISK)
    assert not policy_allows(POLICY, "kms:Decrypt", KEY, FOR_A_DISK)


@pytest.mark.parametrize(
    "start, stop, seconds",
    [
        (time(8), time(18), 3600),
        (time(20), time(4), 3600),
        (time(8), time(9, 30), 1800),
        (time(8), time(7), 60),
        (time(8), time(8, 1), 60),
        (None, time(18), 3600),
    ],
)
def test_a_call_is_not_tried_again_until_the_opposite_one_is_due(start: time | None, stop: time, seconds: int) -> None:
    assert retry_seconds(replace(CALENDAR, start=start, stop=stop)) == seconds


def test_an_orchestrator_that_is_always_on_has_no_schedules() -> None:
    recorder = stack("public-ip")
    assert not recorder.of("OrchestratorHours")
    assert not [of.type for of in recorder.custom if of.type.startswith("aws:scheduler/")]
