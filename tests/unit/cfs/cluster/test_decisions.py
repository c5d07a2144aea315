"""Durations, stops, prices, costs and failures: decisions without calls to AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfs import durations
from cfs.cluster.auto_scaling_groups import AutoScalingGroup, GroupMember, InstancesDistribution
from cfs.cluster.node_runs import NodeInstance, assemble_runs
from cfs.cluster.on_demand_fallback import changed_policy, fallback_distribution
from cfs.cluster.scaling_activities import ScalingActivity, latest_failed_launch, launch_trouble
from cfs.cluster.stop_times import plan_stop
from costs import running_costs
from costs.running_costs import CapacityPool, Cost, KnownPrices, NodeRun, PriceStep
from infra.schedules.schedule import ScheduledAction
from terminal.errors import UserError
from tests.unit.cfs.cluster.conftest import TIME_ZONE, local

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
A, B = (
    CapacityPool(instance_type="i4i.2xlarge", zone="us-west-2a"),
    CapacityPool(instance_type="i7i.2xlarge", zone="us-west-2a"),
)


def at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def a_group(**changes: Any) -> AutoScalingGroup:
    """Return a stopped group of three spot nodes, with hours from 8 to 18 on weekdays."""
    start = ScheduledAction(name="start", recurrence="0 8 * * 1-5", time_zone=TIME_ZONE, opens=True)
    stop = ScheduledAction(name="stop", recurrence="0 18 * * *", time_zone=TIME_ZONE, opens=False)
    whole: dict[str, Any] = {
        "name": "storage-a",
        "full_name": "claudefs-test-storage-a",
        "role": "storage",
        "nodes": 3,
        "minimum": 0,
        "maximum": 3,
        "desired": 0,
        "rebalances": False,
        "members": (),
        "suspended": frozenset(),
        "instance_types": ("i4i.2xlarge", "i7i.2xlarge"),
        "zones": ("us-west-2a", "us-west-2c"),
        "distribution": InstancesDistribution(base=0, percent=0),
        "fallback_from": None,
        "policy": {},
        "starts": (start,),
        "stop": stop,
        "stop_as_described": {"ScheduledActionName": "stop", "DesiredCapacity": 0, "MinSize": 0},
    }
    return AutoScalingGroup(**(whole | changes))


def moved(to: datetime) -> ScheduledAction:
    return ScheduledAction(name="stop", recurrence="0 18 * * *", time_zone=TIME_ZONE, start_time=to, opens=False)


@pytest.mark.parametrize("text, minutes", [
    ("15m", 15), ("90m", 90), ("3h", 180), ("1h30m", 90), ("72h", 4320), (" 2H ", 120), ("0h20m", 20),
])  # fmt: skip
def test_a_duration_is_hours_and_minutes(text: str, minutes: int) -> None:
    assert durations.parse_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "3", "h", "3d", "1.5h", "-3h", "30m1h", "3h30", "three", "3 h 5", "99999h"])
def test_an_invalid_duration_is_refused_with_the_format(text: str) -> None:
    with pytest.raises(UserError, match="3h, 90m or 1h30m") as caught:
        durations.parse_duration(text)
    assert repr(text) in caught.value.problem


@pytest.mark.parametrize("text", ["14m", "0m", "73h", "72h1m"])
def test_a_duration_out_of_bounds_is_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(UserError, match="from 15m to 72h"):
        durations.parse_duration(text)


@given(st.integers(15, 72 * 60))
def test_a_formatted_duration_parses_to_the_same_duration(minutes: int) -> None:
    assert durations.parse_duration(durations.duration_text(timedelta(minutes=minutes))) == timedelta(minutes=minutes)


@pytest.mark.parametrize("now, hours, stop, reason", [
    (local(23, 20), 3, local(23, 23), "window"),
    (local(23, 20), 13, local(24, 18), "period"),
    (local(23, 20), 12, local(24, 18), "period"),  # ends as the hours begin
    (local(23, 20), 22, local(24, 18), "window"),  # ends as the hours end
    (local(24, 9), 1, local(24, 18), "period"),
    (local(24, 16), 6, local(24, 22), "window"),
    (local(28, 9), 5, local(28, 14), "window"),  # a Saturday
    (local(27, 17), 72, local(30, 18), "period"),  # from Friday over the weekend into Monday's hours
])  # fmt: skip
def test_a_group_stops_at_the_end_of_the_window_or_of_the_hours_that_contain_it(
    now: datetime, hours: float, stop: datetime, reason: str
) -> None:
    planned = plan_stop(a_group(), now=now, duration=timedelta(hours=hours), shorten=False)
    assert (planned.at, planned.reason) == (stop, reason)


def test_running_nodes_are_not_stopped_earlier_unless_shorten_is_set() -> None:
    now, short = local(23, 20), timedelta(hours=3)
    held = a_group(stop=moved(local(24, 3)), desired=3)
    assert plan_stop(held, now=now, duration=short, shorten=False).at == local(24, 3)
    assert plan_stop(held, now=now, duration=short, shorten=False).reason == "held"
    assert plan_stop(held, now=now, duration=short, shorten=True).at == local(23, 23)
    assert plan_stop(held, now=now, duration=timedelta(hours=9), shorten=False).at == local(24, 5)
    # The leftover stop of a window whose nodes were stopped has no effect.
    over = a_group(stop=moved(local(24, 3)))
    assert plan_stop(over, now=now, duration=short, shorten=False).at == local(23, 23)
    # AWS also returns the next regular time as the start time.
    regular = a_group(stop=moved(local(24, 18)))
    assert plan_stop(regular, now=now, duration=short, shorten=False).at == local(23, 23)


@pytest.mark.parametrize("stop", [
    None,
    ScheduledAction(name="stop", recurrence=None, time_zone=None, start_time=local(24, 18), opens=False),
])  # fmt: skip
def test_a_group_without_a_recurring_stop_is_refused(stop: ScheduledAction | None) -> None:
    with pytest.raises(UserError, match="no recurring scheduled action"):
        plan_stop(a_group(stop=stop), now=local(23, 20), duration=timedelta(hours=3), shorten=False)


def run(*pools: CapacityPool, began: float, ended: float | None = None) -> NodeRun:
    return NodeRun(
        id="i-1", group="storage-a", pools=pools, market="spot", began=at(began),
        ended=None if ended is None else at(ended),
    )  # fmt: skip


def prices(**steps: list[tuple[float, str]]) -> KnownPrices:
    pools = {"a": A, "b": B}
    return KnownPrices(
        spot={
            pools[name]: [PriceStep(since=at(since), usd=Decimal(usd)) for since, usd in given]
            for name, given in steps.items()
        },
        on_demand={"t3.medium": Decimal("0.05")},
    )


@pytest.mark.parametrize("ran, usd", [
    (run(A, began=1, ended=2), "0.10"),
    (run(A, began=1), "0.70"),  # an hour at 0.10 and three at 0.20
    (run(A, began=2, ended=3.5), "0.30"),
    (run(A, began=4, ended=9), "0.20"),  # only until now
    (run(A, began=3, ended=3), "0"),
    (run(A, B, began=2, ended=3), "0.50"),  # the most expensive of the possible pools
    (run(CapacityPool(instance_type="t3.medium", zone=""), began=1, ended=3), "0.10"),
])  # fmt: skip
def test_a_node_costs_each_price_for_the_time_it_was_in_force(ran: NodeRun, usd: str) -> None:
    known = prices(a=[(-5, "0.10"), (2, "0.20")], b=[(0, "0.50")])
    assert running_costs.run_cost(ran, known, until=at(5)) == Cost(usd=Decimal(usd))


@pytest.mark.parametrize("ran", [
    run(B, began=1, ended=2),
    run(A, began=1, ended=3),  # its first hour has no price
    run(began=1, ended=2),
])  # fmt: skip
def test_time_without_a_price_is_unknown(ran: NodeRun) -> None:
    cost = running_costs.run_cost(ran, prices(a=[(2, "0.20")]), until=at(5))
    assert cost.usd == 0
    assert cost.unknown
    assert cost.dollar_text() == "unknown"


def test_a_sum_with_an_unknown_part_is_a_lower_bound() -> None:
    cost = Cost(usd=Decimal("1.239")) + Cost(unknown=frozenset({"i4i.2xlarge in us-west-2a"}))
    assert cost.dollar_text() == "at least $1.24"
    assert Cost(usd=Decimal("1.239")).dollar_text() == "$1.24"


def activity(
    identifier: str, *, launches: bool, began: float, ended: float | None = None, status: str = "Successful"
) -> ScalingActivity:
    return ScalingActivity(
        instance_id=identifier, is_launch=launches, began=at(began), ended=at(began if ended is None else ended),
        status=status, message="",
    )  # fmt: skip


def instance(identifier: str, *, market: Any = "spot", state: str = "running", launched: float = 0) -> NodeInstance:
    return NodeInstance(
        id=identifier, group="storage-a", pool=A, market=market, launched=at(launched), state=state, ended=None
    )


def test_running_times_combine_ec2s_instances_and_auto_scalings_activities() -> None:
    recorded = [
        activity("i-gone", launches=True, began=1),
        activity("i-gone", launches=False, began=2, ended=2.5),
        activity("i-old", launches=False, began=3, ended=3.1),
        activity("i-yesterday", launches=False, began=-1, ended=-0.5),
        activity("i-shown", launches=False, began=4, ended=4.2),
        activity("", launches=True, began=5, status="Failed"),
    ]
    known = [instance("i-runs", launched=-30), instance("i-shown", state="terminated", launched=1)]
    found = {ran.id: ran for ran in assemble_runs(a_group(), known, recorded, MIDNIGHT)}
    assert {name: (ran.began, ran.ended) for name, ran in found.items()} == {
        "i-runs": (MIDNIGHT, None),
        "i-shown": (at(1), at(4.2)),
        "i-gone": (at(1), at(2.5)),
        "i-old": (MIDNIGHT, at(3.1)),
    }
    assert found["i-runs"].pools == (A,)
    assert len(found["i-gone"].pools) == 4


@pytest.mark.parametrize("message, code, on_demand_helps", [
    ("Could not launch Spot Instances. UnfulfillableCapacity - Unable", "UnfulfillableCapacity", True),
    ("InsufficientInstanceCapacity - There is no Spot capacity available", "InsufficientInstanceCapacity", True),
    ("We currently do not have sufficient i4i.2xlarge capacity in the zone", "InsufficientInstanceCapacity", True),
    ("SpotMaxPriceTooLow - Your Spot request price is lower than", "SpotMaxPriceTooLow", True),
    ("MaxSpotInstanceCountExceeded - Max spot instance count exceeded", "MaxSpotInstanceCountExceeded", True),
    ("VcpuLimitExceeded - You have requested more vCPU capacity", "VcpuLimitExceeded", False),
    ("Instance failed to complete user's Lifecycle Action: token abandoned", "Lifecycle Action", False),
    ("You are not authorized to use launch template", "", False),
])  # fmt: skip
def test_the_reason_of_a_failed_launch_is_explained_with_a_repair(
    message: str, code: str, *, on_demand_helps: bool
) -> None:
    trouble = launch_trouble(message)
    assert ("".join(trouble.marks[:1]), trouble.on_demand_helps) == (code, on_demand_helps)
    assert trouble.meaning
    assert trouble.repair


def test_a_group_has_failed_only_if_no_launch_is_in_progress() -> None:
    failed = activity("", launches=True, began=2, status="Failed")
    came = activity("i-1", launches=True, began=1)
    assert latest_failed_launch([failed, came]) is failed
    assert latest_failed_launch([came, failed]) is None
    assert latest_failed_launch([failed, activity("i-2", launches=True, began=1, status="PreInService")]) is None
    assert latest_failed_launch([activity("i-1", launches=False, began=3), failed]) is failed
    assert latest_failed_launch([]) is None


@pytest.mark.parametrize("base, percent, nodes, on_demand", [
    (0, 0, 5, 0), (0, 100, 5, 5), (2, 0, 5, 2), (2, 0, 1, 1), (0, 50, 5, 3), (1, 50, 4, 3), (0, 100, 0, 0),
])  # fmt: skip
def test_a_distribution_rounds_its_share_up(base: int, percent: int, nodes: int, on_demand: int) -> None:
    assert InstancesDistribution(base=base, percent=percent).on_demand_count(nodes) == on_demand
    assert InstancesDistribution.parse_tag(
        str(InstancesDistribution(base=base, percent=percent))
    ) == InstancesDistribution(base=base, percent=percent)


def test_the_fallback_distribution_matches_the_resulting_nodes_exactly() -> None:
    members = tuple(
        GroupMember(id=name, state=state, is_protected=False)
        for name, state in (("i-1", "InService"), ("i-2", "Pending:Wait"), ("i-3", "Terminating"))
    )
    group = a_group(desired=4, members=members)
    nodes = [instance("i-1"), instance("i-2", market="on-demand"), instance("i-3", state="shutting-down")]
    assert fallback_distribution(group, nodes) == InstancesDistribution(base=3, percent=0)


def test_a_changed_policy_keeps_everything_except_the_distribution_and_names_the_template_once() -> None:
    described = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "n", "Version": "3"},
            "Overrides": [{"InstanceType": "i4i.2xlarge"}],
        },
        "InstancesDistribution": {"OnDemandBaseCapacity": 0, "SpotAllocationStrategy": "price-capacity-optimized"},
    }
    assert changed_policy(described, InstancesDistribution(base=2, percent=0)) == {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "3"},
            "Overrides": [{"InstanceType": "i4i.2xlarge"}],
        },
        "InstancesDistribution": {
            "OnDemandBaseCapacity": 2,
            "OnDemandPercentageAboveBaseCapacity": 0,
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    }
    assert described["LaunchTemplate"]["LaunchTemplateSpecification"]["LaunchTemplateName"] == "n"  # type: ignore[index]
