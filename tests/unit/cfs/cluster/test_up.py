"""`cfs cluster up`: starts the chosen groups until their stops, and never starts a node without a stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from cfs.cluster.auto_scaling_groups import discover_groups
from cfs.cluster.stop_times import next_stop_time
from cfs.cluster.up import ClusterWindow, start_cluster
from local.aws import capacity
from terminal.errors import UserError
from tests.unit.cfs.cluster.conftest import ENVIRONMENT, MONDAY_EVENING, Cluster, full_name, local

if TYPE_CHECKING:
    from collections.abc import Callable


REGULAR = local(24, 18)
"""When the schedule stops the groups next."""


def window(hours: float = 3, **more: Any) -> ClusterWindow:
    return ClusterWindow(environment=ENVIRONMENT, duration=timedelta(hours=hours), **more)


def start(cluster: Cluster, wanted: ClusterWindow) -> None:
    start_cluster(cluster.aws, wanted, clock=cluster.pace)


def test_all_groups_run_and_stop_at_the_end_of_the_window(cluster: Cluster) -> None:
    start(cluster, window(3))
    sizes = {
        name: (group["MinSize"], group["MaxSize"], group["DesiredCapacity"])
        for name in ("storage-a", "storage-b", "fuse-client")
        if (group := cluster.group(name))
    }
    assert sizes == {"storage-a": (0, 3, 3), "storage-b": (0, 2, 2), "fuse-client": (0, 2, 1)}
    assert len(cluster.instances()) == 6
    assert {cluster.stop(name)["StartTime"] for name in sizes} == {local(23, 23)}


def test_the_moved_stop_keeps_its_recurrence_its_zone_and_its_sizes(cluster: Cluster) -> None:
    before = cluster.stop("storage-a")
    start(cluster, window(3))
    after = cluster.stop("storage-a")
    assert after.pop("StartTime") == local(23, 23)
    assert before.pop("StartTime") == REGULAR
    assert after == before


def test_groups_that_are_not_chosen_stay_as_they_are(cluster: Cluster) -> None:
    start(cluster, window(groups=("fuse-client", "storage-b")))
    running = {name for name in ("storage-a", "storage-b", "fuse-client") if cluster.group(name)["DesiredCapacity"]}
    assert running == {"fuse-client", "storage-b"}
    moved = {name for name in ("storage-a", "storage-b", "fuse-client") if cluster.stop(name)["StartTime"] != REGULAR}
    assert moved == {"fuse-client", "storage-b"}


def test_an_unknown_group_is_refused_with_the_existing_ones(cluster: Cluster) -> None:
    with pytest.raises(UserError, match="'storge'") as caught:
        start(cluster, window(groups=("storge",)))
    assert "did you mean --group storage?" in caught.value.repair
    assert "fuse-client, storage-a, storage-b" in caught.value.repair


def test_a_window_that_ends_within_the_hours_lasts_until_their_regular_stop(cluster: Cluster) -> None:
    start(cluster, window(14))  # until Tuesday, 10:00
    assert cluster.stop("storage-a")["StartTime"] == REGULAR
    start(cluster, window(2, shorten=True))
    start(cluster, window(14))
    assert cluster.stop("storage-a")["StartTime"] == REGULAR


def test_a_later_stop_of_another_window_stays_unless_shorten_is_set(cluster: Cluster) -> None:
    start(cluster, window(6))
    start(cluster, window(2))
    assert cluster.stop("storage-a")["StartTime"] == local(24, 2)
    start(cluster, window(2, shorten=True))
    assert cluster.stop("storage-a")["StartTime"] == local(23, 22)
    start(cluster, window(4))
    assert cluster.stop("storage-a")["StartTime"] == local(24, 0)


class KilledError(Exception):
    """The console is killed."""


CHANGING = ("PutScheduledUpdateGroupAction", "UpdateAutoScalingGroup")
"""Calls that change something. Between two of them the state stays the same, so tests kill only at these."""


def test_if_it_is_killed_at_any_change_no_group_lacks_a_timely_stop(cluster: Cluster) -> None:
    for number in range(1, 7):
        _stop_all(cluster)
        with cluster.hearing("before-call", die_at(number)), pytest.raises(KilledError):
            start(cluster, window(3))
        for group in discover_groups(cluster.aws, ENVIRONMENT):
            stop = next_stop_time(group, MONDAY_EVENING)
            assert not group.desired or stop == local(23, 23), f"killed at change {number}: {group.name}"
        cluster.now = local(23, 23)
        assert cluster.instances() == [], f"killed at change {number}"
        cluster.now = MONDAY_EVENING
    with cluster.hearing("before-call", die_at(7)):
        start(cluster, window(3))
    assert len(cluster.instances()) == 6


def die_at(number: int) -> Callable[..., None]:
    """Return a function that kills the console at the change with this number, counted from 1."""
    seen: list[str] = []

    def die(model: Any, **_: Any) -> None:
        seen.extend([model.name] if model.name in CHANGING else [])
        if len(seen) == number:
            raise KilledError

    return die


def _stop_all(cluster: Cluster) -> None:
    """Reset the groups to the stack's declaration."""
    autoscaling = cluster.client("autoscaling")
    for group in discover_groups(cluster.aws, ENVIRONMENT):
        autoscaling.update_auto_scaling_group(AutoScalingGroupName=group.full_name, MinSize=0, DesiredCapacity=0)
        kept = ("AutoScalingGroupName", "ScheduledActionName", "Recurrence", "TimeZone", "MinSize", "DesiredCapacity")
        described = cluster.stop(group.name)
        autoscaling.put_scheduled_update_group_action(**{key: described[key] for key in kept})


def test_a_group_that_nothing_would_stop_is_not_started(cluster: Cluster) -> None:
    cluster.client("autoscaling").delete_scheduled_action(
        AutoScalingGroupName=full_name("storage-b"), ScheduledActionName="stop"
    )
    with pytest.raises(UserError, match="storage-b has no recurring scheduled action `stop`"):
        start(cluster, window())
    assert cluster.instances() == []


def test_a_group_whose_scheduled_actions_are_suspended_is_not_started(cluster: Cluster) -> None:
    cluster.client("autoscaling").suspend_processes(
        AutoScalingGroupName=full_name("storage-a"), ScalingProcesses=["ScheduledActions"]
    )
    with pytest.raises(UserError, match="ScheduledActions") as caught:
        start(cluster, window())
    assert f"resume-processes --auto-scaling-group-name {full_name('storage-a')}" in caught.value.repair
    assert cluster.instances() == []


def test_a_window_that_exceeds_the_days_budget_is_refused_with_the_figures(cluster: Cluster) -> None:
    cluster.add_group("many", role="jepsen", nodes=1200)
    # 20:00 in Los Angeles is 04:00 in UTC: 72 hours count until midnight, 20 hours of $0.03.
    with pytest.raises(UserError) as caught:
        start(cluster, window(72))
    assert "has cost $0.00 so far, and the cluster would cost $723.60 more" in caught.value.problem
    assert "budget of $100.00 (claudefs-test-daily)" in caught.value.problem
    assert "--force" in caught.value.repair
    assert cluster.instances() == []
    assert cluster.stop("many")["StartTime"] == REGULAR


def test_force_starts_over_the_budget(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfs.cluster.up.read_budget", lambda *_: pytest.fail("asked for the budget"))
    start(cluster, window(force=True))
    assert len(cluster.instances()) == 6


def test_a_window_with_an_unknown_price_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfs.prices.ec2_prices._spot_prices", lambda *_, **__: {})
    with pytest.raises(UserError, match=r"cannot be compared with .*: AWS shows no price of c7a\.xlarge in us-west-2a"):
        start(cluster, window())
    assert cluster.instances() == []


def test_a_group_without_nodes_is_left_alone(cluster: Cluster) -> None:
    cluster.add_group("empty", role="jepsen", nodes=0)
    start(cluster, window())
    assert cluster.stop("empty")["StartTime"] == REGULAR
    with pytest.raises(UserError, match="None of the groups empty has any nodes"):
        start(cluster, window(groups=("empty",)))


def test_missing_spot_capacity_is_reported_with_a_repair_and_other_nodes_keep_running(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "has_spot_capacity", lambda group: group.name != full_name("storage-b"))
    with pytest.raises(UserError) as caught:
        start(cluster, window())
    assert "storage-b: 0 of 2 nodes are in service; AWS has no spot capacity now" in caught.value.problem
    assert "UnfulfillableCapacity" in caught.value.problem
    assert "storage-a" not in caught.value.problem
    assert "instanceTypes" in caught.value.repair
    assert "--on-demand" in caught.value.repair
    assert len(cluster.instances()) == 4
    assert cluster.now - MONDAY_EVENING < timedelta(minutes=3)


def distribution(cluster: Cluster, name: str) -> tuple[int, int]:
    given = cluster.group(name)["MixedInstancesPolicy"]["InstancesDistribution"]
    return given["OnDemandBaseCapacity"], given["OnDemandPercentageAboveBaseCapacity"]


def tags(cluster: Cluster, name: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in cluster.group(name)["Tags"]}


@pytest.fixture
def no_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS has only one spot instance for the storage nodes of site A."""
    monkeypatch.setattr(
        capacity,
        "has_spot_capacity",
        lambda group: group.name != full_name("storage-a") or not group.instance_states,
    )


@pytest.mark.usefixtures("no_spot")
def test_on_demand_launches_only_the_missing_nodes_and_keeps_the_running_ones(cluster: Cluster) -> None:
    start(cluster, window(on_demand=True))
    markets = [instance.get("InstanceLifecycle", "on-demand") for instance in cluster.instances()]
    assert sorted(markets) == ["on-demand"] * 2 + ["spot"] * 4
    # Exactly the running nodes, so AWS replaces none. The tag has the distribution to restore.
    assert distribution(cluster, "storage-a") == (2, 0)
    assert tags(cluster, "storage-a")["OnDemandFallback"] == "0:0"
    assert distribution(cluster, "storage-b") == (0, 0)
    assert "OnDemandFallback" not in tags(cluster, "storage-b")


@pytest.mark.usefixtures("no_spot")
def test_the_next_command_restores_the_distribution_once_the_on_demand_nodes_are_gone(cluster: Cluster) -> None:
    start(cluster, window(on_demand=True))
    start(cluster, window(on_demand=True))
    assert distribution(cluster, "storage-a") == (2, 0)
    _stop_all(cluster)  # as the schedule does
    start(cluster, window(groups=("storage-b",)))
    assert distribution(cluster, "storage-a") == (0, 0)
    assert "OnDemandFallback" not in tags(cluster, "storage-a")


@pytest.mark.usefixtures("no_spot")
def test_the_fallback_ends_if_it_brings_no_node_either(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.gaps.activities.launches_spot_next", lambda _: True)
    with pytest.raises(UserError, match="storage-a: 1 of 3"):
        start(cluster, window(on_demand=True))
    assert distribution(cluster, "storage-a") == (0, 0)
    assert "OnDemandFallback" not in tags(cluster, "storage-a")


@pytest.mark.usefixtures("no_spot")
def test_a_console_killed_during_the_fallback_leaves_a_tag_that_the_next_command_uses(cluster: Cluster) -> None:
    dead = False

    def die(model: Any, params: Any, **_: Any) -> None:
        nonlocal dead
        dead = dead or (model.name == "UpdateAutoScalingGroup" and "MixedInstancesPolicy" in str(params["body"]))
        if dead:
            raise KilledError

    with cluster.hearing("before-call", die), pytest.raises(KilledError):
        start(cluster, window(on_demand=True))
    assert tags(cluster, "storage-a")["OnDemandFallback"] == "0:0"

    start(cluster, window(on_demand=True))
    assert len(cluster.instances()) == 6
    assert distribution(cluster, "storage-a") == (2, 0)


def test_waiting_for_nodes_ends_at_the_time_limit(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfs.cluster.auto_scaling_groups.GroupMember.is_in_service", property(lambda _: False))
    with pytest.raises(UserError, match="were not ready within 20 minutes"):
        start_cluster(cluster.aws, window(), clock=replace(cluster.pace, speed=60))
    waited = cluster.now - MONDAY_EVENING
    assert timedelta(minutes=20) <= waited < timedelta(minutes=21)


def test_the_budget_check_counts_other_running_groups_until_their_own_stop(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(cluster, window(3, groups=("storage-a",)))
    seen: list[Decimal] = []
    monkeypatch.setattr("cfs.cluster.up.check_budget", lambda _, *, spent, ahead: seen.append(spent.usd + ahead.usd))
    cluster.now = MONDAY_EVENING + timedelta(hours=1)
    start(cluster, window(1, groups=("storage-b",)))
    # Three nodes for one past hour and two hours ahead, and two nodes for one hour.
    assert seen == [Decimal("0.03") * (3 + 6 + 2)]
