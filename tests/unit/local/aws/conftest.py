"""The account's conditions in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from local.aws.conditions import ACCOUNT_CONDITIONS, Conditions
from local.aws.gaps import close_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator


class StoppedClock:
    """The account's clock, which only a test moves."""

    def __init__(self) -> None:
        """Begin on a Monday."""
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def read(self) -> datetime:
        """Return the account's time."""
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        """Move the clock, and make the changes that are due."""
        self.now += timedelta(seconds=seconds)
        ACCOUNT_CONDITIONS.make_changes(self.now)


@pytest.fixture
def slow_account(monkeypatch: pytest.MonkeyPatch, one_image: None) -> Iterator[StoppedClock]:  # noqa: ARG001
    """An empty account with delays, and its clock."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    clock = StoppedClock()
    ACCOUNT_CONDITIONS.use_clock(clock.read)
    ACCOUNT_CONDITIONS.switch(Conditions(delays=True))
    with mock_aws():
        close_gaps()
        yield clock
        ACCOUNT_CONDITIONS.switch(Conditions())
        ACCOUNT_CONDITIONS.make_changes(datetime.max.replace(tzinfo=UTC))
    ACCOUNT_CONDITIONS.use_clock(lambda: datetime.now(UTC))
