"""AWS services that publish to the encrypted alert topic; the topic's and the key's policy allow them."""

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
        service: Service principal.
        source: Pattern of the `aws:SourceArn`, with `{account}` for the account ID; "" if AWS documents none.
        documentation: URL of AWS's documentation of the required policies.
    """

    service: str
    source: str
    documentation: str

    def source_conditions(self, account_id: str) -> tuple[Condition, ...]:
        """Return the conditions that the service acts on behalf of this account."""
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
"""The publishers, by the name in their statements' Sids."""
