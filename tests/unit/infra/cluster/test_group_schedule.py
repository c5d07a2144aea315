"""The scheduled actions of a node group, as the program declares them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from infra.cluster.group_schedule import SIZE_UNCHANGED, GroupScheduleArgs, declare_group_schedule
from infra.component import Component
from infra.schedules.schedule import Calendar
from tests.unit.infra.conftest import known

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Declare, Recorder

CALENDAR = Calendar(
    time_zone="America/Los_Angeles",
    start=time(8),
    stop=time(18),
    holidays=frozenset({date(2026, 12, 25)}),
    extra_days=frozenset({date(2026, 12, 19)}),
)
NOW = datetime(2026, 12, 14, 20, tzinfo=UTC)


def declared(declare: Declare, calendar: Calendar = CALENDAR, *, nodes: int = 2) -> Recorder:
    """Declare the schedule of one group."""

    def program() -> None:
        declare_group_schedule(
            Component("cluster"),
            "storage-a",
            args=GroupScheduleArgs(
                group_name=known("claudefs-test-storage-a"),
                calendar=calendar,
                node_count=nodes,
                max_nodes=nodes + 1,
                now=NOW,
            ),
        )

    return declare(program)


def test_a_start_gives_the_group_its_nodes_and_a_stop_takes_them_all(declare: Declare) -> None:
    found = {of.inputs["scheduledActionName"]: of for of in declared(declare).of("Schedule")}
    assert set(found) == {"start", "start-after-2026-12-25", "extra-2026-12-19", "stop"}
    sizes = {
        name: (of.inputs["minSize"], of.inputs["desiredCapacity"], of.inputs["maxSize"]) for name, of in found.items()
    }
    assert sizes.pop("stop") == (0, 0, SIZE_UNCHANGED)
    assert set(sizes.values()) == {(0, 2, 3)}


def test_times_are_written_in_utc_and_only_where_there_are_any(declare: Declare) -> None:
    recorder = declared(declare)
    later = recorder.one("Schedule", "storage-a-start-after-2026-12-25").inputs
    assert later["startTime"] == "2026-12-28T16:00:00Z"
    assert "endTime" not in later
    assert recorder.one("Schedule", "storage-a-start").inputs["endTime"] == "2026-12-25T15:59:00Z"
    extra = recorder.one("Schedule", "storage-a-extra-2026-12-19").inputs
    assert not {"recurrence", "timeZone"} & extra.keys()
    stop = recorder.one("Schedule", "storage-a-stop").inputs
    assert not {"startTime", "endTime"} & stop.keys()


def test_whatever_changes_of_an_action_makes_it_anew_after_the_old_one_has_gone(declare: Declare) -> None:
    before = declared(declare).one("Schedule", "storage-a-start")
    assert before.delete_before_replace
    changed = [
        declared(declare, replace(CALENDAR, holidays=frozenset())),
        declared(declare, replace(CALENDAR, start=time(9))),
        declared(declare, replace(CALENDAR, time_zone="Europe/Berlin")),
        declared(declare, nodes=5),
    ]
    triggers = [recorder.one("Schedule", "storage-a-start").replacement_trigger for recorder in changed]
    assert None not in triggers
    assert len({before.replacement_trigger, *triggers}) == 5


def test_what_is_the_same_is_not_made_anew(declare: Declare) -> None:
    without = declared(declare, replace(CALENDAR, holidays=frozenset())).one("Schedule", "storage-a-stop")
    more = declared(declare, nodes=5).one("Schedule", "storage-a-stop")
    stop = declared(declare).one("Schedule", "storage-a-stop")
    assert stop.replacement_trigger == without.replacement_trigger == more.replacement_trigger
