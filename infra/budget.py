"""The daily and the monthly budget, and the topic and addresses that receive their alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_aws import budgets, sns

from infra.access.alert_publishers import ALERT_PUBLISHERS
from infra.access.statements import allow_service, render_policy
from infra.budget_alerts import DAILY_ALERTS, MONTHLY_ALERTS, BudgetAlert
from infra.component import Component
from infra.naming import BUDGET, LOCAL_STACK, alert_topic_name, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.stack_context import SecuredStack


@dataclass(frozen=True, kw_only=True)
class BudgetLimit:
    """Limit of a budget.

    Attributes:
        period: Length of the period; part of the budget's name.
        usd: Limit in US dollars.
        alerts: Alerts sent to the subscribers.
    """

    period: Literal["daily", "monthly"]
    usd: int
    alerts: tuple[BudgetAlert, ...]


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """Inputs of the budgets.

    Attributes:
        stack: The stack.
        daily_usd: Limit in US dollars per day.
        monthly_usd: Limit in US dollars per month.
        emails: Recipients of alerts, at most 10 addresses. AWS Budgets sends the e-mails itself. The addresses are
            not also subscribed to the topic, so each alert is one message and no subscription has to be confirmed.
    """

    stack: SecuredStack
    daily_usd: int
    monthly_usd: int
    emails: Sequence[str]


class Budget(Component):
    """A DAILY and a MONTHLY cost budget that notify an encrypted SNS topic and e-mail addresses.

    Attributes:
        topic_arn: ARN of the topic that alerts are published to.
        budget_name: Name of the daily budget.
        monthly_budget_name: Name of the monthly budget.
    """

    topic_arn: pulumi.Output[str]
    budget_name: pulumi.Output[str]
    monthly_budget_name: pulumi.Output[str]

    def __init__(self, name: str, *, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the budgets."""
        super().__init__(name, opts=opts)
        if not args.emails and args.stack.environment != LOCAL_STACK:
            pulumi.log.warn(
                "no person gets the alerts of the budgets; add an address: "
                "pulumi config set --path 'claudefs-infra:alertEmails[0]' you@example.org",
                resource=self,
            )
        topic, policy = self._declare_topic(name, args=args)
        daily = BudgetLimit(period="daily", usd=args.daily_usd, alerts=DAILY_ALERTS)
        monthly = BudgetLimit(period="monthly", usd=args.monthly_usd, alerts=MONTHLY_ALERTS)
        self.topic_arn = topic.arn
        self.budget_name = self._declare_budget(name, daily, args=args, policy=policy).name
        self.monthly_budget_name = self._declare_budget(name, monthly, args=args, policy=policy).name
        self.register_declared_outputs()

    def _declare_topic(self, name: str, *, args: BudgetArgs) -> tuple[sns.Topic, sns.TopicPolicy]:
        tags = args.stack.tags
        topic = sns.Topic(
            f"{name}-alerts",
            name=alert_topic_name(tags.environment),
            kms_master_key_id=args.stack.key_arn,
            tags=tags.for_resource("budget-alerts", role="alerts"),
            opts=self.child_options(),
        )
        policy = sns.TopicPolicy(
            f"{name}-alerts",
            arn=topic.arn,
            policy=pulumi.Output.all(topic.arn, args.stack.account_id).apply(
                lambda known: alert_topic_policy(topic_arn=known[0], account_id=known[1])
            ),
            opts=self.child_options(),
        )
        return topic, policy

    def _declare_budget(
        self, name: str, limit: BudgetLimit, *, args: BudgetArgs, policy: sns.TopicPolicy
    ) -> budgets.Budget:
        return budgets.Budget(
            f"{name}-{limit.period}",
            account_id=args.stack.account_id,
            name=physical_name(BUDGET, PROJECT_NAME, args.stack.environment, limit.period),
            budget_type="COST",
            time_unit=limit.period.upper(),
            limit_amount=str(limit.usd),
            limit_unit="USD",
            # The ARN is read from the topic's policy, because Budgets checks on creation that it may publish.
            notifications=[_alert_notification(alert, policy.arn, args.emails) for alert in limit.alerts],
            tags=args.stack.tags.for_resource(f"{limit.period}-budget", role="alerts"),
            opts=self.child_options(),
        )


def _alert_notification(
    alert: BudgetAlert, topic_arn: pulumi.Output[str], emails: Sequence[str]
) -> budgets.BudgetNotificationArgsDict:
    return {
        "notification_type": alert.kind,
        "comparison_operator": "GREATER_THAN",
        "threshold": alert.percentage,
        "threshold_type": "PERCENTAGE",
        "subscriber_sns_topic_arns": [topic_arn],
        "subscriber_email_addresses": list(emails),
    }


def alert_topic_policy(*, topic_arn: str, account_id: str) -> str:
    """Return a policy that lets AWS services publish for this account only; the account's roles need no statement."""
    return render_policy(
        *(
            allow_service(
                f"{name}MayPublish",
                publisher.service,
                "sns:Publish",
                resources=(topic_arn,),
                conditions=publisher.source_conditions(account_id),
            )
            for name, publisher in ALERT_PUBLISHERS.items()
        )
    )
