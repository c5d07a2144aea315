"""Scheduled actions of Auto Scaling groups as AWS carries them out, without groups: what is due, and when.

A recurring action with a start time is done at that time and then by its recurrence. Each action has one next time,
which AWS describes as its start time. Done with, an action is gone: one without recurrence once it is done, another
once its next time would lie behind its end.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

from infra.schedules.clock_changes import zone_names
from infra.schedules.occurrences import next_occurrence
from infra.schedules.schedule import MAX_SCHEDULED_ACTIONS, ScheduledAction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class TimetableError(ValueError):
    """A scheduled action that AWS refuses.

    Attributes:
        code: AWS's error code.
    """

    def __init__(self, message: str, *, code: str = "ValidationError") -> None:
        """Refuse an action."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class GroupSizes:
    """What an action makes of its group's sizes; None leaves one as it is."""

    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None

    def check_bounds(self) -> None:
        """Refuse sizes that contradict each other.

        Raises:
            TimetableError: They do.
        """
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise TimetableError(f"Min bound, {self.minimum}, is greater than max bound, {self.maximum}")
        if self.desired is None:
            return
        if self.minimum is not None and self.desired < self.minimum:
            raise TimetableError(f"Desired capacity, {self.desired}, is below the min bound, {self.minimum}")
        if self.maximum is not None and self.desired > self.maximum:
            raise TimetableError(f"Desired capacity, {self.desired}, is above the max bound, {self.maximum}")


@dataclass(frozen=True, kw_only=True)
class PendingAction:
    """A scheduled action that waits for its next time.

    Attributes:
        name: Its name, unique in its group.
        sizes: What it makes of the group.
        recurrence: Five fields of cron, or None.
        time_zone: The zone of the recurrence; None for UTC.
        at: When it is done next.
        end_time: When it is done no more; None for never.
    """

    name: str
    sizes: GroupSizes
    recurrence: str | None
    time_zone: str | None
    at: datetime
    end_time: datetime | None

    def following_action(self) -> PendingAction | None:
        """Return what waits once it is done, or None where it is done with."""
        action = ScheduledAction(
            name=self.name, recurrence=self.recurrence, time_zone=self.time_zone, end_time=self.end_time, opens=True
        )
        following = next_occurrence(action, after=self.at)
        return None if following is None else replace(self, at=following)


class Timetable:
    """The scheduled actions of one group."""

    def __init__(self) -> None:
        """Begin without any."""
        self._waiting: dict[str, PendingAction] = {}

    def __iter__(self) -> Iterator[PendingAction]:
        """Return what waits, in the order in which it was put."""
        return iter(list(self._waiting.values()))

    def put_action(self, action: ScheduledAction, sizes: GroupSizes, *, now: datetime) -> None:
        """Take an action, in place of another one of its name.

        Raises:
            TimetableError: AWS would refuse it.
        """
        _check_action(action, sizes, now=now)
        at = action.start_time or next_occurrence(action, after=now)
        if at is None or (action.end_time is not None and at > action.end_time):
            raise TimetableError("The end time lies before the first time of the scheduled action")
        others = [other for other in self if other.name != action.name]
        if any(other.at == at for other in others):
            raise TimetableError(
                "A scheduled action with this scheduled start time already exists", code="AlreadyExists"
            )
        if len(others) >= MAX_SCHEDULED_ACTIONS:
            raise TimetableError(f"A group has at most {MAX_SCHEDULED_ACTIONS} scheduled actions", code="LimitExceeded")
        self._waiting[action.name] = PendingAction(
            name=action.name,
            sizes=sizes,
            recurrence=action.recurrence,
            time_zone=action.time_zone,
            at=at,
            end_time=action.end_time,
        )

    def delete_action(self, name: str) -> None:
        """Delete an action.

        Raises:
            TimetableError: There is none of that name.
        """
        if name not in self._waiting:
            raise TimetableError("Scheduled action name not found")
        del self._waiting[name]

    def next_action(self) -> PendingAction | None:
        """Return what is done next."""
        return min(self._waiting.values(), key=lambda waiting: waiting.at, default=None)

    def take_next_action(self) -> PendingAction:
        """Return what is done next and let its following time wait.

        Raises:
            TimetableError: Nothing waits.
        """
        done = self.next_action()
        if done is None:
            raise TimetableError("nothing waits")
        following = done.following_action()
        if following is None:
            del self._waiting[done.name]
        else:
            self._waiting[done.name] = following
        return done


def _check_action(action: ScheduledAction, sizes: GroupSizes, *, now: datetime) -> None:
    if sizes == GroupSizes():
        raise TimetableError("At least one of MinSize, MaxSize and DesiredCapacity must be given")
    sizes.check_bounds()
    if action.start_time is not None and action.start_time < now:
        raise TimetableError("Given start time is in the past")
    if action.recurrence is None:
        if action.start_time is None:
            raise TimetableError("Either Recurrence or StartTime must be given")
        if action.time_zone is not None:
            raise TimetableError("A time zone can be given only beside a recurrence")
        return
    if action.time_zone is not None and action.time_zone not in zone_names():
        raise TimetableError(f"{action.time_zone} is not the canonical name of a time zone")
    try:
        CronSim(action.recurrence, now)
    except CronSimError as error:
        raise TimetableError(f"Given recurrence string: {action.recurrence} is invalid: {error}") from error
