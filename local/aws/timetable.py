"""Timetable of an Auto Scaling group's scheduled actions by AWS's rules, independent of the group.

A recurring action with a start time runs at that time, and then by its recurrence. Each action has one next time,
which AWS reports as its start time. An action is deleted when it is finished: without recurrence after it has run,
otherwise when its next time would be after its end time.
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
        """Create the error."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class GroupSizes:
    """An action's sizes for its group; None leaves a size unchanged."""

    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None

    def check_bounds(self) -> None:
        """Check that the sizes are consistent.

        Raises:
            TimetableError: They contradict each other.
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
    """A scheduled action with its next time.

    Attributes:
        name: The action's name, unique in its group.
        sizes: The sizes that it sets.
        recurrence: A cron expression of five fields, or None.
        time_zone: The recurrence's time zone; None for UTC.
        at: The next time that it runs.
        end_time: The time after which it no longer runs; None for no end.
    """

    name: str
    sizes: GroupSizes
    recurrence: str | None
    time_zone: str | None
    at: datetime
    end_time: datetime | None

    def following_action(self) -> PendingAction | None:
        """Return the action with its following time, or None if it never runs again."""
        action = ScheduledAction(
            name=self.name, recurrence=self.recurrence, time_zone=self.time_zone, end_time=self.end_time, opens=True
        )
        following = next_occurrence(action, after=self.at)
        return None if following is None else replace(self, at=following)


class Timetable:
    """The scheduled actions of one group."""

    def __init__(self) -> None:
        """Create an empty timetable."""
        self._waiting: dict[str, PendingAction] = {}

    def __iter__(self) -> Iterator[PendingAction]:
        """Iterate over the pending actions in order of creation."""
        return iter(list(self._waiting.values()))

    def put_action(self, action: ScheduledAction, sizes: GroupSizes, *, now: datetime) -> None:
        """Add an action, or replace the one of the same name.

        Raises:
            TimetableError: AWS would refuse the action.
        """
        _check_action(action, sizes, now=now)
        at = action.start_time or next_occurrence(action, after=now)
        if at is None or (action.end_time is not None and at > action.end_time):
            raise TimetableError("The end time is before the first time of the scheduled action")
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
            TimetableError: There is no action of that name.
        """
        if name not in self._waiting:
            raise TimetableError("Scheduled action name not found")
        del self._waiting[name]

    def next_action(self) -> PendingAction | None:
        """Return the action that runs next, or None."""
        return min(self._waiting.values(), key=lambda waiting: waiting.at, default=None)

    def take_next_action(self) -> PendingAction:
        """Return the action that runs next, and advance it to its following time.

        Raises:
            TimetableError: The timetable is empty.
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
            raise TimetableError("A time zone can be given only with a recurrence")
        return
    if action.time_zone is not None and action.time_zone not in zone_names():
        raise TimetableError(f"{action.time_zone} is not the canonical name of a time zone")
    try:
        CronSim(action.recurrence, now)
    except CronSimError as error:
        raise TimetableError(f"Given recurrence string: {action.recurrence} is invalid: {error}") from error
