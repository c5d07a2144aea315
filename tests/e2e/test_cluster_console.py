"""`cfs cluster` on the deployed stack: nodes started for a while stop by themselves, and Pulumi sees no change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.console import call_cfs, run_cfs
from tests.e2e.stacks import GROUPS_OF_NODES

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

NODES = {"storage-a": 3, "storage-b": 2, "fuse-client": 1, "nfs-client": 1, "conduit": 1, "jepsen": 1}


@pytest.fixture
def weekend(stack: Stack) -> Stack:
    """The stack on a Saturday at noon; the account's clock does not go back."""
    now = stack.account_time().astimezone(ZoneInfo("America/Los_Angeles"))
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=(5 - now.weekday()) % 7 + 7)
    stack.account_time(noon)
    return stack


def cluster(*arguments: str) -> dict[str, Any]:
    """Run a command on the test's own account and return what it prints for programs."""
    return call_cfs("cluster", *arguments, "--json").json()


def running() -> dict[str, int]:
    return {group["name"]: group["running"] for group in cluster("status")["groups"]}


def test_nodes_run_for_the_window_and_stop_by_themselves(weekend: Stack) -> None:
    began = weekend.account_time()
    started = cluster("up", "--for", "3h")
    stops = {datetime.fromisoformat(group["stop"]) - began for group in started["groups"]}
    assert all(timedelta(hours=3) - timedelta(seconds=1) <= stop < timedelta(hours=3, minutes=5) for stop in stops)

    found = cluster("status")
    assert {group["name"]: group["running"] for group in found["groups"]} == NODES
    assert {group["why"] for group in found["groups"]} == {"started by hand"}
    assert found["usdPerHour"] == {"known": "0.270000", "unknown": []}
    assert found["pricesArePlaceholders"]
    assert found["budget"]["name"] == "claudefs-local-daily"
    assert weekend.limited_to(GROUPS_OF_NODES).changes("--refresh") == {}

    weekend.account_time(began + timedelta(hours=3, minutes=10))
    after = cluster("status")
    assert {group["name"]: group["running"] for group in after["groups"]} == dict.fromkeys(NODES, 0)
    assert after["usdPerHour"]["known"] == "0"
    assert float(after["usdToday"]["known"]) > 0


def test_down_ends_a_window_of_days_and_gives_the_schedule_back(weekend: Stack) -> None:
    began = weekend.account_time()
    cluster("up", "--for", "72h", "--group", "storage")
    assert {name for name, count in running().items() if count} == {"storage-a", "storage-b"}
    stopped = cluster("down")
    monday = datetime.fromisoformat(stopped["groups"][0]["nextStart"]).astimezone(ZoneInfo("America/Los_Angeles"))
    assert (monday.strftime("%A"), monday - began < timedelta(days=2)) == ("Monday", True)
    assert running() == dict.fromkeys(NODES, 0)

    # On Monday the schedule starts the nodes, and nothing of the window keeps them running in the evening.
    weekend.account_time(monday + timedelta(minutes=1))
    assert running() == NODES
    stop = min(group["nextStop"] for group in cluster("status")["groups"])
    weekend.account_time(datetime.fromisoformat(stop) + timedelta(minutes=1))
    assert running() == dict.fromkeys(NODES, 0)
    assert weekend.limited_to(GROUPS_OF_NODES).changes("--refresh") == {}


def test_bad_input_is_told_with_the_repair(deployed: Stack) -> None:
    done = run_cfs(deployed.folder, "cluster", "up", "--for", "3h", "--group", "storage-c")
    assert done.status == 1
    assert "did you mean --group storage-" in done.stderr
    assert "repair:" in done.stderr
