"""The day's budget and where its alerts go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import budgets, sns

from infra.component import Component
from infra.naming import BUDGET, SNS_TOPIC, physical_name
from infra.tags import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.tags import Tags

ALERT_PERCENTAGES = (80, 100)
"""Shares of the day's budget at which an alert goes out. ACTUAL, since AWS forecasts no DAILY budget:
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html"""


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """What the budget is made from.

    Attributes:
        account_id: The AWS account whose costs are watched.
        daily_usd: The limit, in US dollars a day.
        emails: Who is told.
        tags: The stack's tags.
    """

    account_id: pulumi.Output[str]
    daily_usd: int
    emails: Sequence[str]
    tags: Tags


class Budget(Component):
    """A DAILY cost budget that tells an SNS topic and e-mail addresses of 80 and 100 % spent.

    Attributes:
        topic_arn: The topic that alerts are published to.
        budget_name: The budget.
    """

    topic_arn: pulumi.Output[str]
    budget_name: pulumi.Output[str]

    def __init__(self, name: str, *, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the budget."""
        super().__init__(name, opts=opts)
        tags = args.tags
        topic = sns.Topic(
            f"{name}-alerts",
            name=physical_name(SNS_TOPIC, PROJECT, tags.environment, "budget-alerts"),
            tags=tags.of("budget-alerts", role="alerts"),
            opts=self.child(),
        )
        policy = sns.TopicPolicy(
            f"{name}-alerts",
            arn=topic.arn,
            policy=pulumi.Output.all(topic.arn, args.account_id).apply(lambda of: _budgets_may_publish(*of)),
            opts=self.child(),
        )
        budget = budgets.Budget(
            f"{name}-daily",
            account_id=args.account_id,
            name=physical_name(BUDGET, PROJECT, tags.environment, "daily"),
            budget_type="COST",
            time_unit="DAILY",
            limit_amount=str(args.daily_usd),
            limit_unit="USD",
            notifications=[_alert(percentage, topic.arn, args.emails) for percentage in ALERT_PERCENTAGES],
            tags=tags.of("daily-budget", role="alerts"),
            opts=self.child(depends_on=[policy]),
        )
        self.topic_arn = topic.arn
        self.budget_name = budget.name
        self.register_outputs({"topicArn": self.topic_arn, "budgetName": self.budget_name})


def _alert(percentage: int, topic_arn: pulumi.Output[str], emails: Sequence[str]) -> budgets.BudgetNotificationArgsDict:
    return {
        "notification_type": "ACTUAL",
        "comparison_operator": "GREATER_THAN",
        "threshold": percentage,
        "threshold_type": "PERCENTAGE",
        "subscriber_sns_topic_arns": [topic_arn],
        "subscriber_email_addresses": list(emails),
    }


def _budgets_may_publish(topic_arn: str, account_id: str) -> str:
    statement = {
        "Sid": "BudgetsMayPublish",
        "Effect": "Allow",
        "Principal": {"Service": "budgets.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
