"""What one screen shows of an environment, and what it shows of a part that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from moto import mock_aws

from cfs.aws import AwsAccount
from cfs.environments import RealEnvironment
from cfs.operate.status import read_status
from local.aws.gaps import close_gaps

if TYPE_CHECKING:
    from cfs.stack_lock import HeldLock


class EmptyAccount(RealEnvironment):
    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        return AwsAccount(session=boto3.Session("key", "secret", region_name=region or "us-west-2"))

    def read_held_locks(self) -> list[HeldLock]:
        return []


def test_parts_that_cannot_be_read_are_lines_with_their_reason() -> None:
    close_gaps()
    with mock_aws():
        shown = read_status(EmptyAccount(name="prod"))

    assert {name for name, state in shown.figures.items() if state is None} == {
        "cluster",
        "release",
        "last deployment",
        "guard",
        "agents",
    }
    assert shown.figures["lock"] == "free"
    assert shown.table is not None
    lines = {row[0]: row[1] for row in shown.table.rows}
    assert lines["orchestrator"] == "none"
    assert "pulumi up -s prod" in lines["cluster"]
