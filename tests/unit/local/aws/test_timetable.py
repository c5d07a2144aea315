"""Scheduled actions as the emulated account carries them out: what is done, when, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.schedules.schedule import MAX_SCHEDULED_ACTIONS, ScheduledAction
from local.aws.clock import AccountClock
from local.aws.timetable import GroupSizes, Timetable, TimetableError

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
TWO = GroupSizes(minimum=0, maximum=3, desired=2)
DAILY = ScheduledAction(name="daily", recurrence="0 8 * * *", time_zone="America/Los_Angeles", opens=True)
ONCE = ScheduledAction(
    name="once", recurrence=None, time_zone=None, start_time=datetime(2026, 12, 5, 16, tzinfo=UTC), opens=True
)


def done(timetable: Timetable, count: int) -> list[str]:
    """Carry out so many actions and give when each was done."""
    return [
        f"{waiting.name} {waiting.at:%m-%d %H:%M}" for waiting in (timetable.take_next_action() for _ in range(count))
    ]


def put(*actions: ScheduledAction) -> Timetable:
    timetable = Timetable()
    for action in actions:
        timetable.put_action(action, TWO, now=NOW)
    return timetable


def test_a_recurring_action_is_done_by_its_recurrence_in_its_zone() -> None:
    assert done(put(DAILY), 2) == ["daily 12-01 16:00", "daily 12-02 16:00"]


def test_without_a_zone_a_recurrence_is_in_utc() -> None:
    assert done(put(replace(DAILY, time_zone=None)), 1) == ["daily 12-02 08:00"]


def test_a_recurring_action_with_a_start_time_is_done_then_and_by_its_recurrence_from_there() -> None:
    later = replace(DAILY, start_time=datetime(2026, 12, 9, 3, 30, tzinfo=UTC))
    assert done(put(later), 3) == ["daily 12-09 03:30", "daily 12-09 16:00", "daily 12-10 16:00"]


def test_an_action_ends_with_its_end_time() -> None:
    timetable = put(replace(DAILY, end_time=datetime(2026, 12, 3, 15, 59, tzinfo=UTC)))
    assert done(timetable, 2) == ["daily 12-01 16:00", "daily 12-02 16:00"]
    assert list(timetable) == []


def test_an_action_without_recurrence_is_gone_once_it_is_done() -> None:
    timetable = put(ONCE)
    assert done(timetable, 1) == ["once 12-05 16:00"]
    assert timetable.next_action() is None
    with pytest.raises(TimetableError, match="nothing waits"):
        timetable.take_next_action()


def test_actions_are_done_in_the_order_of_their_times() -> None:
    stop = replace(DAILY, name="stop", recurrence="0 18 * * *")
    assert done(put(ONCE, stop, DAILY), 4) == [
        "daily 12-01 16:00",
        "stop 12-02 02:00",
        "daily 12-02 16:00",
        "stop 12-03 02:00",
    ]


def test_an_action_that_is_put_again_takes_the_place_of_the_first() -> None:
    timetable = put(DAILY)
    timetable.put_action(replace(DAILY, start_time=NOW + timedelta(hours=1)), GroupSizes(desired=5), now=NOW)
    [waiting] = timetable
    assert (waiting.at, waiting.sizes) == (NOW + timedelta(hours=1), GroupSizes(desired=5))


def test_what_is_described_as_next_moves_on_each_time() -> None:
    timetable = put(DAILY)
    timetable.take_next_action()
    [waiting] = timetable
    assert waiting.at == datetime(2026, 12, 2, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "action, sizes, message",
    [
        (replace(ONCE, start_time=NOW - timedelta(seconds=1)), TWO, "in the past"),
        (replace(ONCE, start_time=None), TWO, "Either Recurrence or StartTime"),
        (replace(ONCE, time_zone="Europe/Berlin"), TWO, "only with a recurrence"),
        (replace(DAILY, recurrence="0 8 * *"), TWO, "is invalid"),
        (replace(DAILY, recurrence="0 25 * * *"), TWO, "is invalid"),
        (replace(DAILY, time_zone="US/Pacific"), TWO, "not the canonical name"),
        (replace(DAILY, end_time=NOW + timedelta(hours=1)), TWO, "before the first time"),
        (DAILY, GroupSizes(), "At least one of"),
        (DAILY, GroupSizes(minimum=2, maximum=1), "greater than max bound"),
        (DAILY, GroupSizes(minimum=2, desired=1), "below the min bound"),
        (DAILY, GroupSizes(maximum=2, desired=3), "above the max bound"),
        (replace(ONCE, start_time=datetime(2026, 12, 1, 16, tzinfo=UTC)), TWO, "already exists"),
    ],
)
def test_what_aws_refuses_is_refused(action: ScheduledAction, sizes: GroupSizes, message: str) -> None:
    timetable = put(replace(DAILY, name="other"))
    before = list(timetable)
    with pytest.raises(TimetableError, match=message):
        timetable.put_action(action, sizes, now=NOW)
    assert list(timetable) == before


def test_a_group_has_so_many_actions_and_no_more() -> None:
    times = [NOW + timedelta(hours=number) for number in range(MAX_SCHEDULED_ACTIONS + 1)]
    actions = [replace(ONCE, name=f"once-{number}", start_time=at) for number, at in enumerate(times)]
    timetable = put(*actions[:-1])
    with pytest.raises(TimetableError, match="at most 125") as refused:
        timetable.put_action(actions[-1], TWO, now=NOW)
    assert refused.value.code == "LimitExceeded"
    timetable.put_action(actions[0], GroupSizes(desired=1), now=NOW)


def test_an_action_is_deleted_by_its_name_once() -> None:
    timetable = put(DAILY, ONCE)
    timetable.delete_action("daily")
    assert [waiting.name for waiting in timetable] == ["once"]
    with pytest.raises(TimetableError, match="not found"):
        timetable.delete_action("daily")


def test_the_clock_goes_on_from_where_it_was_moved_to_and_never_back() -> None:
    clock = AccountClock()
    later = clock.account_time() + timedelta(days=30)
    clock.move_forward(later)
    assert later <= clock.account_time() < later + timedelta(minutes=1)
    with pytest.raises(ValueError, match="is before"):
        clock.move_forward(later - timedelta(days=1))


def test_a_replayed_request_sees_the_clock_of_its_own_time() -> None:
    clock = AccountClock()
    with clock.replaying_at(NOW):
        assert clock.account_time() == NOW
        clock.move_forward(NOW + timedelta(hours=2))
    assert clock.account_time() - clock.machine_time() == pytest.approx(timedelta(hours=2), abs=timedelta(seconds=1))
