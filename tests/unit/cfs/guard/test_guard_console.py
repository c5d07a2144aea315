"""A person sees what the guard has done, pauses it with a reason, and resumes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cfs.aws import AwsAccount
from cfs.guard.guard_console import GuardConsole
from cfs.guard.guard_reports import guard_report, pause_report
from measure.guard.simulated_account import SIMULATED_ENVIRONMENT, simulate_account
from terminal.errors import UserError

TEN = datetime(2026, 11, 26, 10, tzinfo=UTC)


def test_a_pause_is_shown_has_the_guard_restore_what_it_changed_and_ends() -> None:
    with simulate_account() as account:
        console = GuardConsole(
            aws=AwsAccount(session=account.session, clock=lambda: account.now), environment=SIMULATED_ENVIRONMENT
        )
        account.now = TEN
        account.add_group("storage-site-a", 2)
        account.budget_usd = Decimal("0.01")
        account.run_guard(TEN + timedelta(minutes=5))

        stopped = guard_report(console.read_ledger(), now=account.now, environment=SIMULATED_ENVIRONMENT)
        assert stopped.figures["held"]["groups"]["claudefs-test-storage-site-a"]["sizes"] == (0, 2, 2)
        assert "Changed by the guard: agents are paused, were normal." in stopped.notes

        pause = console.pause_guard(timedelta(hours=2), reason="demo", by="ada")
        assert "until 2026-11-26 12:05 UTC: demo" in pause_report(pause, environment=SIMULATED_ENVIRONMENT).text
        report = account.run_guard(TEN + timedelta(minutes=10))
        assert "paused until 2026-11-26 12:05 UTC by ada: demo" in report.decision.reason
        assert (account.agents_mode(), account.instance_states()["running"]) == ("normal", 2)
        shown = guard_report(console.read_ledger(), now=account.now, environment=SIMULATED_ENVIRONMENT)
        assert "Paused until 2026-11-26 12:05 UTC by ada: demo." in shown.notes

        assert console.resume_guard() == pause
        assert console.resume_guard() is None
        account.run_guard(TEN + timedelta(minutes=15))
        assert account.instance_states()["running"] == 0


def test_a_pause_without_a_reason_is_refused() -> None:
    with simulate_account() as account:
        console = GuardConsole(aws=AwsAccount(session=account.session), environment=SIMULATED_ENVIRONMENT)
        with pytest.raises(UserError, match="needs a reason"):
            console.pause_guard(timedelta(hours=2), reason=" ", by="ada")
