"""Checks whether the budget has its alerts, and whether somebody is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.aws import AwsError
from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding
from infra.budget_alerts import DAILY_ALERTS
from infra.naming import BUDGET, alert_topic_name, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

CHECK = "budget"
TOPIC_CHECK = "alert topic"

_MACHINE_PROTOCOLS = ("lambda", "sqs", "firehose", "application")
"""Protocols of subscriptions that no person reads, such as the cost guard's."""


@dataclass(frozen=True, kw_only=True)
class FoundAlert:
    """An alert of the daily budget: its threshold in percent, and the addresses that it reaches."""

    percentage: float
    addresses: tuple[str, ...]


def examine_budget(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Examine the daily budget, or before the deployment the setting of its recipients."""
    emails = facts.settings.alert_emails
    if not emails:
        yield doubtful_finding(
            CHECK,
            "No address gets the budgets' alerts.",
            repair=f"pulumi config set --path 'claudefs-infra:alertEmails[0]' you@example.org --stack {facts.name} && "
            f"{facts.environment.redeploy_command}",
        )
    if not facts.stack.is_deployed:
        return
    name = physical_name(BUDGET, PROJECT_NAME, facts.name, "daily")
    of_budget = {"AccountId": facts.scope.account_id, "BudgetName": name}
    try:
        listed = list(
            facts.aws.list_items("budgets", "describe_notifications_for_budget", "Notifications", **of_budget)
        )
    except AwsError as error:
        if error.code != "NotFoundException":
            raise
        yield wrong_finding(CHECK, f"The budget {name} is deleted.", repair=facts.environment.redeploy_command)
        return
    alerts = [
        FoundAlert(percentage=float(each["Threshold"]), addresses=_read_addresses(facts, of_budget, each))
        for each in listed
    ]
    faults = list(find_alert_faults(alerts, topic=facts.scope.alert_topic_arn, emails=emails))
    if faults:
        yield wrong_finding(CHECK, f"{name}: {'; '.join(faults)}.", repair=facts.environment.redeploy_command)
    else:
        yield good_finding(CHECK, f"{name} has alerts at {_percent_text(alerts)}.")


def examine_alert_topic(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Examine who gets the messages of the cost guard and the alarms."""
    if not facts.stack.is_deployed:
        return
    arn = facts.scope.alert_topic_arn
    try:
        listed = list(facts.aws.list_items("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn))
    except AwsError as error:
        if error.code not in ("NotFound", "NotFoundException"):
            raise
        yield wrong_finding(
            TOPIC_CHECK,
            f"The topic {alert_topic_name(facts.name)} is deleted.",
            repair=facts.environment.redeploy_command,
        )
        return
    yield judge_subscriptions(listed, topic=arn, emails=facts.settings.alert_emails, region_option=facts.region_option)


def find_alert_faults(alerts: Sequence[FoundAlert], *, topic: str, emails: Sequence[str]) -> Iterator[str]:
    """Yield what the alerts of the daily budget lack."""
    for declared in DAILY_ALERTS:
        alert = next((found for found in alerts if found.percentage == declared.percentage), None)
        if alert is None:
            yield f"the alert at {declared.percentage} % is missing"
            continue
        silent = [address for address in (topic, *emails) if address not in alert.addresses]
        if silent:
            yield f"the alert at {declared.percentage} % does not reach {', '.join(silent)}"


def judge_subscriptions(
    subscriptions: Sequence[Mapping[str, Any]], *, topic: str, emails: Sequence[str], region_option: str
) -> Finding:
    """Judge the subscriptions of the alert topic."""
    people = [each for each in subscriptions if each["Protocol"] not in _MACHINE_PROTOCOLS]
    pending = [each["Endpoint"] for each in people if each["SubscriptionArn"] == "PendingConfirmation"]
    subscribe = f"aws sns subscribe --topic-arn {topic} --protocol email {region_option} --notification-endpoint"
    if pending:
        return doubtful_finding(
            TOPIC_CHECK,
            f"{', '.join(pending)} has not confirmed its subscription, and gets no message.",
            # Subscribing again sends the request for confirmation again.
            repair=" && ".join(f"{subscribe} {address}" for address in pending),
        )
    if not people:
        return doubtful_finding(
            TOPIC_CHECK,
            "No person is subscribed: the messages of the cost guard and of the alarms reach no person.",
            repair=f"{subscribe} {emails[0] if emails else 'you@example.org'}",
        )
    return good_finding(TOPIC_CHECK, f"Confirmed: {', '.join(each['Endpoint'] for each in people)}.")


def _read_addresses(facts: EnvironmentFacts, of_budget: Mapping[str, str], alert: Mapping[str, Any]) -> tuple[str, ...]:
    fields = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    subscribers = facts.aws.list_items(
        "budgets",
        "describe_subscribers_for_notification",
        "Subscribers",
        **of_budget,
        Notification={key: alert[key] for key in fields if key in alert},
    )
    return tuple(each["Address"] for each in subscribers)


def _percent_text(alerts: Sequence[FoundAlert]) -> str:
    return " and ".join(f"{alert.percentage:g} %" for alert in sorted(alerts, key=lambda each: each.percentage))
