"""The meter counts each second once, whatever the order of ticks, and never falls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.meter import DayMeter, Measurement, PricedInstance, advance_meter

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = date(2026, 11, 26)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
EMPTY = DayMeter.start_day(DAY)
TICK = timedelta(minutes=5)
USD_PER_HOUR = Decimal("0.36")


def after(**offset: float) -> datetime:
    return MIDNIGHT + timedelta(**offset)


@st.composite
def lives(draw: st.DrawFn) -> tuple[datetime, datetime | None]:
    """A node's start, perhaps the day before, and its end, if it has one."""
    start = draw(st.integers(min_value=-600, max_value=3600))
    length = draw(st.none() | st.integers(min_value=1, max_value=3000))
    began = MIDNIGHT + timedelta(seconds=start)
    return began, None if length is None else began + timedelta(seconds=length)


def describe(nodes: Sequence[tuple[datetime, datetime | None]], at: datetime) -> Measurement:
    """What EC2 describes at a time, ends included."""
    instances = [
        PricedInstance(
            id=f"i-{number}",
            state="terminated" if ended is not None and ended <= at else "running",
            launched=began,
            ended=ended if ended is not None and ended <= at else None,
            usd_per_hour=USD_PER_HOUR,
        )
        for number, (began, ended) in enumerate(nodes)
        if began <= at
    ]
    return Measurement(at=at, instances=tuple(instances), has_all_instances=True)


def seconds_until(nodes: Sequence[tuple[datetime, datetime | None]], at: datetime) -> int:
    spans = ((max(began, MIDNIGHT), min(ended or at, at)) for began, ended in nodes)
    return sum(max(int((end - began).total_seconds()), 0) for began, end in spans)


@given(st.lists(lives(), max_size=5), st.permutations(range(14)), st.lists(st.integers(0, 13), max_size=5))
def test_any_interleaving_of_runs_counts_each_instance_second_once(
    nodes: list[tuple[datetime, datetime | None]], order: list[int], repeated: list[int]
) -> None:
    meter = EMPTY
    for number in [*order, *repeated, 13]:
        meter = advance_meter(meter, describe(nodes, MIDNIGHT + number * TICK))
    seconds = seconds_until(nodes, MIDNIGHT + 13 * TICK)
    assert meter.instance_seconds == seconds
    assert meter.instance_usd == pytest.approx(USD_PER_HOUR * seconds / 3600)


measurements = st.builds(
    Measurement,
    at=st.integers(0, 90_000).map(lambda seconds: after(seconds=seconds)),
    instances=st.lists(
        st.builds(
            PricedInstance,
            id=st.sampled_from(["i-1", "i-2", "i-3"]),
            state=st.sampled_from(["pending", "running", "shutting-down", "stopped", "terminated"]),
            launched=st.integers(-90_000, 90_000).map(lambda seconds: after(seconds=seconds)),
            ended=st.none() | st.integers(-90_000, 90_000).map(lambda seconds: after(seconds=seconds)),
            usd_per_hour=st.decimals(0, 10, places=4),
        ),
        max_size=4,
    ).map(tuple),
    has_all_instances=st.booleans(),
    hourly_usd=st.dictionaries(st.sampled_from(["volumes", "addresses"]), st.decimals(0, 10, places=4)),
    day_usd=st.dictionaries(st.sampled_from(["bedrock"]), st.decimals(0, 500, places=4)),
)


@given(st.lists(measurements, max_size=8))
def test_spend_never_falls_within_a_day_whatever_is_measured(measured: list[Measurement]) -> None:
    meter = EMPTY
    for each in measured:
        advanced = advance_meter(meter, each)
        assert advanced.usd >= meter.usd
        assert all(usd >= meter.usd_by_component.get(name, 0) for name, usd in advanced.usd_by_component.items())
        assert advance_meter(advanced, each).instance_seconds == advanced.instance_seconds
        meter = advanced


@given(measurements, st.integers(1, 12))
def test_a_tick_that_measures_nothing_assumes_the_last_rate(measured: Measurement, ticks: int) -> None:
    launched = tuple(each for each in measured.instances if each.launched < measured.at)
    meter = advance_meter(EMPTY, replace(measured, instances=launched))
    later = advance_meter(meter, Measurement(at=min(meter.at + ticks * TICK, after(days=1))))
    hours = Decimal((later.at - meter.at) // timedelta(seconds=1)) / 3600
    assert later.usd == pytest.approx(meter.usd + meter.usd_per_hour * hours)
    assert later.forecast_usd == pytest.approx(meter.forecast_usd)
    assert later.usd_per_hour == meter.usd_per_hour


def test_a_spot_node_that_aws_interrupts_counts_until_the_tick_that_sees_it() -> None:
    running = PricedInstance(id="i-1", state="running", launched=after(hours=1), ended=None, usd_per_hour=USD_PER_HOUR)
    gone = PricedInstance(id="i-1", state="terminated", launched=after(hours=1), ended=None, usd_per_hour=USD_PER_HOUR)
    meter = advance_meter(EMPTY, Measurement(at=after(hours=2), instances=(running,), has_all_instances=True))
    for at in (after(hours=2, minutes=5), after(hours=2, minutes=10)):
        meter = advance_meter(meter, Measurement(at=at, instances=(gone,), has_all_instances=True))
    assert meter.instance_seconds == 65 * 60


def test_a_node_that_ec2_has_forgotten_counts_until_it_is_missed_and_no_longer() -> None:
    meter = advance_meter(EMPTY, describe([(after(hours=1), None)], after(hours=2)))
    for at in (after(hours=4), after(hours=5)):
        meter = advance_meter(meter, Measurement(at=at, has_all_instances=True))
    assert meter.instance_seconds == 3 * 3600


def test_a_machine_that_was_stopped_before_today_costs_nothing() -> None:
    stopped = PricedInstance(
        id="i-1", state="stopped", launched=after(hours=-9), ended=after(hours=-1), usd_per_hour=USD_PER_HOUR
    )
    meter = advance_meter(EMPTY, Measurement(at=after(hours=9), instances=(stopped,), has_all_instances=True))
    assert meter.usd == 0


def test_a_day_begins_with_what_ran_the_day_before() -> None:
    before = DayMeter.start_day(DAY - timedelta(days=1))
    measured = describe([(after(hours=-2), None)], after(minutes=-2))
    before = advance_meter(before, Measurement(**{**vars(measured), "hourly_usd": {"volumes": Decimal(24)}}))
    today = advance_meter(DayMeter.start_day(DAY, before), Measurement(at=after(hours=1)))
    assert today.instance_seconds == 3600
    assert today.usd_by_component["volumes"] == 24
    closed = advance_meter(before, Measurement(at=after(minutes=3)))
    assert closed.instance_seconds == 2 * 3600


def test_of_two_prices_of_volumes_the_higher_one_counts_for_the_time_between() -> None:
    meter = EMPTY
    for hour, usd in ((1, 2), (2, 10), (3, 4)):
        meter = advance_meter(meter, Measurement(at=after(hours=hour), hourly_usd={"volumes": Decimal(usd)}))
    assert meter.usd_by_component["volumes"] == 2 + 10 + 10


def test_tokens_that_are_counted_again_replace_what_was_assumed_and_never_lower_it() -> None:
    meter = advance_meter(EMPTY, Measurement(at=after(hours=1), day_usd={"bedrock": Decimal(10)}))
    assumed = advance_meter(meter, Measurement(at=after(hours=2)))
    assert assumed.usd_by_component["bedrock"] == 20
    counted = advance_meter(assumed, Measurement(at=after(hours=3), day_usd={"bedrock": Decimal(15)}))
    assert counted.usd_by_component["bedrock"] == 20
    assert advance_meter(counted, Measurement(at=after(hours=4))).usd_by_component["bedrock"] == 20
