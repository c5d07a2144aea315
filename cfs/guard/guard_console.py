"""The guard's ledger from outside: read it, pause the guard, resume it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.aws import CLIENT_CONFIG, explain_aws_errors
from guard.decision import Pause
from guard.ledger import Ledger, LedgerView
from infra.naming import guard_table_name
from terminal.errors import UserError

if TYPE_CHECKING:
    from datetime import timedelta

    from cfs.aws import AwsAccount


@dataclass(frozen=True, kw_only=True)
class GuardConsole:
    """The guard of an environment.

    Attributes:
        aws: The environment's account.
        environment: The environment's name.
    """

    aws: AwsAccount
    environment: str

    def read_ledger(self) -> LedgerView:
        """Read what the guard knows of today."""
        with explain_aws_errors("dynamodb", "batch_get_item"):
            return self._open_ledger().read_ledger(self.aws.clock().date())

    def pause_guard(self, duration: timedelta, *, reason: str, by: str) -> Pause:
        """Keep the guard from acting for a time.

        Args:
            duration: How long.
            reason: Why.
            by: Who.
        """
        if not reason.strip():
            raise UserError("A pause needs a reason.", repair="give one: --reason 'load test for the release'")
        now = self.aws.clock().replace(microsecond=0)
        pause = Pause(until=now + duration, since=now, reason=reason.strip(), by=by)
        with explain_aws_errors("dynamodb", "put_item"):
            self._open_ledger().write_pause(pause)
        return pause

    def resume_guard(self) -> Pause | None:
        """End a pause and return it; None if there is none."""
        pause = self.read_ledger().pause
        with explain_aws_errors("dynamodb", "delete_item"):
            self._open_ledger().delete_pause()
        return pause if pause is not None and pause.until > self.aws.clock() else None

    def _open_ledger(self) -> Ledger:
        client = self.aws.session.client("dynamodb", endpoint_url=self.aws.url, config=CLIENT_CONFIG)
        return Ledger(client=client, table=guard_table_name(self.environment))
