"""`cfs cluster` on the deployed stack: nodes started for a while stop by themselves, and Pulumi sees no change."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from cfs.cluster.auto_scaling_groups import InstancesDistribution, choose_groups, discover_groups
from cfs.cluster.on_demand_fallback import begin_fallback
from tests.e2e.test_console import cfs

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack

NODES = {"storage-a": 3, "storage-b": 2, "fuse-client": 1, "nfs-client": 1, "conduit": 1, "jepsen": 1}


@pytest.fixture
def weekend(stack: Stack) -> Stack:
    """The stack on a Saturday at noon; the account's clock does not go back."""
    now = clock(stack).astimezone(ZoneInfo("America/Los_Angeles"))
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=(5 - now.weekday()) % 7 + 7)
    clock(stack, noon)
    return stack


def clock(stack: Stack, now: datetime | None = None) -> datetime:
    """Read the account's clock, or move it."""
    request = urllib.request.Request(
        f"{stack.engine.account.aws_url}/_control/clock",
        method="PUT" if now else "GET",
        data=json.dumps({"now": now.isoformat()}).encode() if now else None,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return datetime.fromisoformat(json.load(answer)["now"])


def cluster(stack: Stack, *arguments: str) -> dict[str, Any]:
    """Return the command and read what it gives programs."""
    done = cfs(stack.engine.account.folder, "cluster", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def running(stack: Stack) -> dict[str, int]:
    return {group["name"]: group["running"] for group in cluster(stack, "status")["groups"]}


def test_nodes_run_for_the_window_and_stop_by_themselves(weekend: Stack) -> None:
    began = clock(weekend)
    started = cluster(weekend, "up", "--for", "3h")
    stops = {datetime.fromisoformat(group["stop"]) - began for group in started["groups"]}
    assert all(timedelta(hours=3) - timedelta(seconds=1) <= stop < timedelta(hours=3, minutes=5) for stop in stops)

    found = cluster(weekend, "status")
    assert {group["name"]: group["running"] for group in found["groups"]} == NODES
    assert {group["why"] for group in found["groups"]} == {"started by hand"}
    assert found["usdPerHour"] == {"known": "0.270000", "unknown": []}
    assert found["pricesArePlaceholders"]
    assert found["budget"]["name"] == "claudefs-local-daily"
    assert weekend.changes("--refresh") == {}

    clock(weekend, began + timedelta(hours=3, minutes=10))
    assert running(weekend) == dict.fromkeys(NODES, 0)
    after = cluster(weekend, "status")
    assert after["usdPerHour"]["known"] == "0"
    assert float(after["usdToday"]["known"]) > 0
    assert weekend.changes("--refresh") == {}


def test_down_ends_a_window_of_days_and_gives_the_schedule_back(weekend: Stack) -> None:
    began = clock(weekend)
    cluster(weekend, "up", "--for", "72h", "--group", "storage")
    assert {name for name, count in running(weekend).items() if count} == {"storage-a", "storage-b"}
    stopped = cluster(weekend, "down")
    monday = datetime.fromisoformat(stopped["groups"][0]["nextStart"]).astimezone(ZoneInfo("America/Los_Angeles"))
    assert (monday.strftime("%A"), monday - began < timedelta(days=2)) == ("Monday", True)
    assert running(weekend) == dict.fromkeys(NODES, 0)

    # On Monday the schedule starts the nodes, and nothing of the window keeps them running in the evening.
    clock(weekend, monday + timedelta(minutes=1))
    assert running(weekend) == NODES
    stop = min(group["nextStop"] for group in cluster(weekend, "status")["groups"])
    clock(weekend, datetime.fromisoformat(stop) + timedelta(minutes=1))
    assert running(weekend) == dict.fromkeys(NODES, 0)
    assert weekend.changes() == {}


def test_a_fallback_to_on_demand_that_was_left_is_put_back_by_pulumi(stack: Stack) -> None:
    aws = stack.engine.connect_aws()
    [group] = choose_groups(discover_groups(aws, "local"), ["storage-a"])
    begin_fallback(aws, group, InstancesDistribution(base=2, percent=0))
    [left] = choose_groups(discover_groups(aws, "local"), ["storage-a"])
    assert (left.distribution, left.fallback_from) == (InstancesDistribution(base=2, percent=0), group.distribution)

    stack.engine.query_text("up", "--refresh", "--yes", "--skip-preview")

    [back] = choose_groups(discover_groups(aws, "local"), ["storage-a"])
    assert (back.distribution, back.fallback_from) == (group.distribution, None)


@pytest.mark.parametrize("arguments, told", [
    (("up", "--for", "3d"), "'3d' is not a duration"),
    (("up", "--for", "5m"), "from 15m to 72h"),
    (("up", "--for", "3h", "--group", "storage-c"), "did you mean --group storage-"),
    (("status", "--environment", "staging", "--region", "us-west-2"), "staging"),
])  # fmt: skip
def test_bad_input_is_told_with_the_repair(deployed: Stack, arguments: tuple[str, ...], told: str) -> None:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in deployed.engine.account.account_variables().items():
            environment.setenv(name, value)
        done = cfs(deployed.engine.account.folder, "cluster", *arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert "repair:" in done.stderr
