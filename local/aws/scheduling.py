"""Runs the scheduled actions of the account's Auto Scaling groups, which moto only stores.

Due actions run before the next request is served, so no client can see the account before they have run. They are
triggered by a request, `POST /_control/clock`, so the journal replays them in order.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend, FakeScheduledAction, autoscaling_backends
from moto.core.exceptions import ServiceException
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from infra.schedules.schedule import ScheduledAction
from local.aws.clock import CLOCK_PATH
from local.aws.conditions import ACCOUNT_CONDITIONS
from local.aws.timetable import GroupSizes, Timetable, TimetableError
from local.control_api import answer_json, with_control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIApplication

    from moto.autoscaling.models import FakeAutoScalingGroup

    from local.aws.clock import AccountClock
    from local.aws.timetable import PendingAction

_LOG = logging.getLogger(__name__)


def group_timetable(group: FakeAutoScalingGroup) -> Timetable:
    """Return the scheduled actions of a group."""
    found: Timetable = vars(group).setdefault("timetable", Timetable())
    return found


def next_action_time() -> datetime | None:
    """Return the time of the account's next scheduled action, or None."""
    return min(
        (waiting.at for group in _all_groups() if (waiting := group_timetable(group).next_action())), default=None
    )


def _next_due_time() -> datetime | None:
    """Return the time of the account's next scheduled action or delayed change, or None."""
    times = (next_action_time(), ACCOUNT_CONDITIONS.next_change())
    return min((at for at in times if at is not None), default=None)


def run_due_actions(until: datetime) -> None:
    """Run, in order, the scheduled actions and delayed changes that are due by a given time."""
    while (at := _next_due_time()) is not None and at <= until:
        ACCOUNT_CONDITIONS.make_changes(at)
        # AWS does not specify the order of groups with actions at the same time; any order will do.
        for group in list(_all_groups()):
            waiting = group_timetable(group).next_action()
            if waiting is not None and waiting.at == at:
                group_timetable(group).take_next_action()
                _apply_sizes(group, waiting.sizes, name=waiting.name)


def due_request_source(clock: AccountClock) -> Callable[[], Request | None]:
    """Return a function that returns the internal request to run due actions, or None if none are due."""

    def next_due_request() -> Request | None:
        at = _next_due_time()
        due = at is not None and at <= clock.account_time()
        return Request(EnvironBuilder(method="POST", path=CLOCK_PATH).get_environ()) if due else None

    return next_due_request


def with_clock(app: WSGIApplication, clock: AccountClock) -> WSGIApplication:
    """Serve `/_control/clock`, and forward all other requests to `app`.

    `GET` returns the account's time, `PUT {"now": …}` moves it forward, and `POST` runs due actions.
    """
    return with_control(app, CLOCK_PATH, lambda request: _control_clock(request, clock))


def _control_clock(request: Request, clock: AccountClock) -> Response:
    if request.method == "PUT":
        try:
            now = _parse_instant(json.loads(request.get_data())["now"])
            clock.move_forward(now or clock.account_time())
            run_due_actions(clock.account_time())
        except (ValueError, KeyError, TypeError) as error:
            return answer_json({"error": f'send {{"now": "2026-12-01T08:00:00Z"}}: {error}'}, status=400)
    elif request.method == "POST":
        run_due_actions(clock.account_time())
    return answer_json({"now": clock.account_time().isoformat()})


def _all_groups() -> Iterator[FakeAutoScalingGroup]:
    for _, _, backend in autoscaling_backends.iter_backends():
        yield from backend.autoscaling_groups.values()


def _apply_sizes(group: FakeAutoScalingGroup, sizes: GroupSizes, *, name: str) -> None:
    """Set a group's sizes, unless they contradict its other sizes or scheduled actions are suspended."""
    if any(process["ProcessName"] == "ScheduledActions" for process in group.suspended_processes):
        return
    resulting = GroupSizes(
        minimum=group.min_size if sizes.minimum is None else sizes.minimum,
        maximum=group.max_size if sizes.maximum is None else sizes.maximum,
        desired=sizes.desired,
    )
    desired = group.desired_capacity if resulting.desired is None else resulting.desired
    desired = max(resulting.minimum or 0, min(desired, resulting.maximum or 0))
    try:
        resulting.check_bounds()
        group.min_size, group.max_size = resulting.minimum, resulting.maximum
        if desired != group.desired_capacity:
            group.autoscaling_backend.set_desired_capacity(group.name, desired)
    except (TimetableError, ServiceException) as error:
        _LOG.warning("the scheduled action %s of %s failed: %s", name, group.name, error)


def keep_timetables(clock: AccountClock) -> None:
    """Store each group's actions by AWS's rules; moto has a single list for all groups, keyed only by action name."""

    def put_action(
        self: AutoScalingBackend,
        *,
        name: str,
        scheduled_action_name: str,
        **given: Any,
    ) -> None:
        action = ScheduledAction(
            name=scheduled_action_name,
            recurrence=given["recurrence"],
            time_zone=given["timezone"],
            start_time=_parse_instant(given["start_time"]),
            end_time=_parse_instant(given["end_time"]),
            opens=True,
        )
        sizes = GroupSizes(
            minimum=_parse_size(given["min_size"]),
            maximum=_parse_size(given["max_size"]),
            desired=_parse_size(given["desired_capacity"]),
        )
        with _translate_refusals():
            group_timetable(_find_group(self, name)).put_action(action, sizes, now=clock.account_time())

    def describe_actions(
        self: AutoScalingBackend,
        autoscaling_group_name: str | None = None,
        scheduled_action_names: list[str] | None = None,
    ) -> list[FakeScheduledAction]:
        return [
            _describe_action(group, waiting)
            for group in self.autoscaling_groups.values()
            if autoscaling_group_name in (None, group.name)
            for waiting in group_timetable(group)
            if not scheduled_action_names or waiting.name in scheduled_action_names
        ]

    def delete_action(self: AutoScalingBackend, auto_scaling_group_name: str, scheduled_action_name: str) -> None:
        with _translate_refusals():
            group_timetable(_find_group(self, auto_scaling_group_name)).delete_action(scheduled_action_name)

    AutoScalingBackend.put_scheduled_update_group_action = put_action
    AutoScalingBackend.describe_scheduled_actions = describe_actions
    AutoScalingBackend.delete_scheduled_action = delete_action


def _describe_action(group: FakeAutoScalingGroup, waiting: PendingAction) -> FakeScheduledAction:
    described = FakeScheduledAction(
        autos_caling_group_name=group.name,
        desired_capacity=waiting.sizes.desired,
        max_size=waiting.sizes.maximum,
        min_size=waiting.sizes.minimum,
        scheduled_action_name=waiting.name,
        start_time=waiting.at,
        end_time=waiting.end_time,
        recurrence=waiting.recurrence,
        time_zone=waiting.time_zone,
    )
    described.scheduled_action_arn = (
        f"arn:aws:autoscaling:{group.region}:{group.account_id}:scheduledUpdateGroupAction:"
        f"{uuid5(NAMESPACE_URL, group.arn + waiting.name)}:"
        f"autoScalingGroupName/{group.name}:scheduledActionName/{waiting.name}"
    )
    return described


@contextmanager
def _translate_refusals() -> Iterator[None]:
    """Convert a timetable's refusal to AWS's error."""
    try:
        yield
    except TimetableError as error:
        raise AutoscalingClientError(error.code, str(error)) from error


def _find_group(backend: AutoScalingBackend, name: str) -> FakeAutoScalingGroup:
    if name not in backend.autoscaling_groups:
        raise TimetableError(f"Group {name} not found")
    return backend.autoscaling_groups[name]


def _parse_instant(given: str | datetime | None) -> datetime | None:
    if not given:
        return None
    read = datetime.fromisoformat(given) if isinstance(given, str) else given
    return read.replace(tzinfo=read.tzinfo or UTC)


def _parse_size(given: str | int | None) -> int | None:
    """Parse a size; absent or -1 means that the group's size does not change."""
    return None if given in (None, "", -1, "-1") else int(given)
