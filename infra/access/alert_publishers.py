"""AWS's services that publish to the encrypted topic of alerts: its policy and the key's allow them for the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.access.statements import arn_like, string_equals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.access.statements import Condition


@dataclass(frozen=True, kw_only=True)
class AlertPublisher:
    """A service that publishes alerts.

    Attributes:
        service: Its principal.
        source: The pattern of the ARNs that it acts for, with `{account}` for the account; "" where AWS documents none.
        documentation: What AWS says that the policies need.
    """

    service: str
    source: str
    documentation: str

    def source_conditions(self, account_id: str) -> tuple[Condition, ...]:
        """Ask that the service acts for this account."""
        account = string_equals("aws:SourceAccount", account_id)
        pattern = self.source.format(account=account_id)
        return (account, arn_like("aws:SourceArn", pattern)) if pattern else (account,)


ALERT_PUBLISHERS: Mapping[str, AlertPublisher] = {
    "Budgets": AlertPublisher(
        service="budgets.amazonaws.com",
        source="arn:aws:budgets::{account}:*",
        documentation="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html",
    ),
    "Alarms": AlertPublisher(
        service="cloudwatch.amazonaws.com",
        source="arn:aws:cloudwatch:*:{account}:alarm:*",
        documentation="https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
    ),
    "Anomalies": AlertPublisher(
        service="costalerts.amazonaws.com",
        source="",
        documentation="https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html",
    ),
}
"""The publishers, by what their statements are called."""
