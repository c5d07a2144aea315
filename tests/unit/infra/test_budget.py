"""Two budgets alert in time, through a topic that only Budgets publishes to."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.budget import Budget, BudgetArgs, BudgetLimit, alert_topic_policy
from infra.budget_alerts import BudgetAlert
from tests.unit.infra.conftest import secured_stack

if TYPE_CHECKING:
    import pulumi

    from infra.tags import Tags
    from tests.unit.infra.conftest import Declare, Recorder

ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
KEY = "arn:aws:kms:us-west-2::key/key"
EMAILS = ("team@example.org", "owner@example.org")


@pytest.fixture(scope="module")
def recorder(declare: Declare, tags: Tags) -> Recorder:
    def program() -> pulumi.Output[str]:
        args = BudgetArgs(
            daily_usd=100,
            monthly_usd=2500,
            emails=EMAILS,
            stack=secured_stack(tags, key_arn=KEY),
        )
        return Budget("budget", args=args).topic_arn

    return declare(program)


def test_budgets_that_alert_no_person_are_a_warning(
    declare: Declare, tags: Tags, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda message, **_: warnings.append(message))

    def program(*, emails: tuple[str, ...]) -> pulumi.Output[str]:
        args = BudgetArgs(daily_usd=100, monthly_usd=2500, emails=emails, stack=secured_stack(tags, key_arn=KEY))
        return Budget("budget", args=args).topic_arn

    for emails in (EMAILS, ()):
        declare(partial(program, emails=emails))

    [warning] = warnings
    assert "pulumi config set --path 'claudefs-infra:alertEmails[0]'" in warning


def alerts(recorder: Recorder, name: str) -> list[tuple[str, str, float]]:
    notifications = recorder.one("aws:budgets/budget:Budget", name).inputs["notifications"]
    return [(of["notificationType"], of["comparisonOperator"], of["threshold"]) for of in notifications]


@pytest.mark.parametrize(
    "name, unit, amount", [("budget-daily", "DAILY", "100"), ("budget-monthly", "MONTHLY", "2500")]
)
def test_each_period_has_the_amount_of_its_setting(recorder: Recorder, name: str, unit: str, amount: str) -> None:
    inputs = recorder.one("aws:budgets/budget:Budget", name).inputs
    assert (inputs["timeUnit"], inputs["limitAmount"], inputs["limitUnit"]) == (unit, amount, "USD")
    assert inputs["budgetType"] == "COST"
    assert inputs["accountId"] == ACCOUNT_ID


def test_the_days_budget_alerts_at_80_and_100_percent_of_what_is_spent(recorder: Recorder) -> None:
    assert alerts(recorder, "budget-daily") == [("ACTUAL", "GREATER_THAN", 80), ("ACTUAL", "GREATER_THAN", 100)]


def test_the_days_budget_asks_for_no_forecast_since_aws_refuses_one(recorder: Recorder) -> None:
    assert "FORECASTED" not in {kind for kind, _, _ in alerts(recorder, "budget-daily")}


def test_the_months_budget_alerts_when_the_forecast_passes_it_and_when_it_is_spent(recorder: Recorder) -> None:
    assert alerts(recorder, "budget-monthly") == [
        ("FORECASTED", "GREATER_THAN", 100),
        ("ACTUAL", "GREATER_THAN", 100),
    ]


@pytest.mark.parametrize("name", ["budget-daily", "budget-monthly"])
def test_every_alert_goes_to_the_topic_and_to_each_address(recorder: Recorder, name: str) -> None:
    for of in recorder.one("aws:budgets/budget:Budget", name).inputs["notifications"]:
        assert of["subscriberSnsTopicArns"] == [recorder.result]
        assert of["subscriberEmailAddresses"] == list(EMAILS)


def test_nobody_gets_an_alert_twice(recorder: Recorder) -> None:
    assert not recorder.of("TopicSubscription")


def test_all_costs_count_and_none_are_filtered_out(recorder: Recorder) -> None:
    for budget in recorder.every("aws:budgets/budget:Budget"):
        assert not {"costFilters", "filterExpression", "metrics"} & set(budget.inputs)


def test_the_topic_is_encrypted_with_the_stacks_key(recorder: Recorder) -> None:
    assert recorder.one("Topic").inputs["kmsMasterKeyId"] == KEY


def test_three_services_publish_and_for_this_account_alone(recorder: Recorder) -> None:
    policy = recorder.one("TopicPolicy")
    assert policy.document() == json.loads(alert_topic_policy(topic_arn=recorder.result, account_id=ACCOUNT_ID))
    statements = policy.document()["Statement"]
    assert [each["Principal"]["Service"] for each in statements] == [
        *("budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com")
    ]
    for each in statements:
        assert (each["Effect"], each["Action"], each["Resource"]) == ("Allow", "sns:Publish", recorder.result)
        assert each["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}
    assert statements[0]["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:budgets::{ACCOUNT_ID}:*"}


@pytest.mark.parametrize("name", ["budget-daily", "budget-monthly"])
def test_a_budget_waits_until_it_may_publish(recorder: Recorder, name: str) -> None:
    assert "budget-alerts" in recorder.one("aws:budgets/budget:Budget", name).depends_on


def test_names_are_the_environments_own(recorder: Recorder) -> None:
    assert recorder.outputs["budget"] == {
        "topicArn": recorder.result,
        "budgetName": "claudefs-test-daily",
        "monthlyBudgetName": "claudefs-test-monthly",
    }


def test_arguments_are_frozen_and_keyword_only() -> None:
    for type_ in cast("tuple[Any, ...]", (BudgetArgs, BudgetAlert, BudgetLimit)):
        assert all(field.kw_only for field in fields(type_))
        assert type_.__dataclass_params__.frozen
