"""Rules of EC2 Auto Scaling, EventBridge and Scheduler: sizes, schedules, and launch templates in groups."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from local.aws.api_rules.rule import ApiRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.aws.api_rules.rule import Parameters

_GROUP_CALLS = ("autoscaling:CreateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup")
_SCHEDULE_CALLS = ("autoscaling:PutScheduledUpdateGroupAction",)
_CRON_FIELDS = 5
_EVENT_CRON_FIELDS = 6
_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)")
_EVENT_CRON = re.compile(r"cron\((.*)\)")
_ONCE = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
_MOST_TARGETS = 5
_API = "https://docs.aws.amazon.com/autoscaling/ec2/APIReference"


def _find_sizes(parameters: Parameters) -> str:
    least, most, wanted = (parameters.get(name) for name in ("MinSize", "MaxSize", "DesiredCapacity"))
    if least is not None and most is not None and least > most:
        return f"Max bound, {most}, must be greater than or equal to min bound, {least}"
    if wanted is not None and least is not None and wanted < least:
        return f"Desired capacity:{wanted} must be between the specified min size:{least} and max size:{most}"
    if wanted is not None and most is not None and wanted > most:
        return f"Desired capacity:{wanted} must be between the specified min size:{least} and max size:{most}"
    return ""


def _find_two_launch_sources(parameters: Parameters) -> str:
    given = [
        name
        for name in ("InstanceId", "LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy")
        if parameters.get(name)
    ]
    if len(given) == 1:
        return ""
    return (
        "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy"
        " parameter."
    )


def _find_past_start(clock: Callable[[], datetime]) -> Callable[[Parameters], str]:
    def find_fault(parameters: Parameters) -> str:
        start, end = _as_utc(parameters.get("StartTime")), _as_utc(parameters.get("EndTime"))
        if start is not None and start < clock():
            return "Given start time is in the past"
        if end is not None and end < clock():
            return "Given end time is in the past"
        return "End time must be after start time" if start and end and end <= start else ""

    return find_fault


def _as_utc(moment: Any) -> datetime | None:
    return moment.replace(tzinfo=moment.tzinfo or UTC) if isinstance(moment, datetime) else None


def _find_recurrence(parameters: Parameters) -> str:
    recurrence = parameters.get("Recurrence")
    if recurrence and len(recurrence.split()) != _CRON_FIELDS:
        return f"Given recurrence string:{recurrence} is invalid"
    return ""


@cache
def _time_zones() -> set[str]:
    return available_timezones()


def _find_time_zone(parameters: Parameters) -> str:
    zone = parameters.get("TimeZone")
    return f"Invalid time zone: {zone}" if zone and zone not in _time_zones() else ""


def _find_event_schedule(parameters: Parameters) -> str:
    expression = parameters.get("ScheduleExpression")
    if not expression or _ONCE.fullmatch(expression):
        return ""
    rate, cron = _RATE.fullmatch(expression), _EVENT_CRON.fullmatch(expression)
    singular = rate is not None and rate[1] == "1"
    if rate is not None and singular != rate[2].endswith("s"):
        return ""
    if cron is not None:
        fields = cron[1].split()
        # One of the two fields for days must be '?'.
        if len(fields) == _EVENT_CRON_FIELDS and (fields[2] == "?") != (fields[4] == "?"):
            return ""
    return "Parameter ScheduleExpression is not valid."


def _find_targets(parameters: Parameters) -> str:
    targets = parameters.get("Targets", ())
    if len(targets) > _MOST_TARGETS:
        return f"The requested resource exceeds the maximum number allowed: {_MOST_TARGETS} targets of a rule"
    return ""


def scaling_rules(clock: Callable[[], datetime]) -> tuple[ApiRule, ...]:
    """Return the rules; schedules are compared with the account's time, which `clock` returns."""
    return (
        ApiRule(
            name="a group's sizes are in order",
            operations=(*_GROUP_CALLS, *_SCHEDULE_CALLS),
            code="ValidationError",
            find_fault=_find_sizes,
            source=f"{_API}/API_CreateAutoScalingGroup.html",
        ),
        ApiRule(
            name="a group has one source of launches",
            operations=_GROUP_CALLS[:1],
            code="ValidationError",
            find_fault=_find_two_launch_sources,
            source=f"{_API}/API_CreateAutoScalingGroup.html",
        ),
        ApiRule(
            name="scheduled actions start and end in the future, in this order",
            operations=_SCHEDULE_CALLS,
            code="ValidationError",
            find_fault=_find_past_start(clock),
            source=f"{_API}/API_PutScheduledUpdateGroupAction.html",
        ),
        ApiRule(
            name="recurrences are cron expressions of five fields",
            operations=_SCHEDULE_CALLS,
            code="ValidationError",
            find_fault=_find_recurrence,
            source=f"{_API}/API_PutScheduledUpdateGroupAction.html",
        ),
        ApiRule(
            name="time zones are in IANA's database",
            operations=_SCHEDULE_CALLS,
            code="ValidationError",
            find_fault=_find_time_zone,
            source=f"{_API}/API_PutScheduledUpdateGroupAction.html",
        ),
        ApiRule(
            name="schedules of rules are rates, with 1 in the singular, or cron expressions of six fields with one '?'",
            operations=("events:PutRule", "scheduler:CreateSchedule", "scheduler:UpdateSchedule"),
            code="ValidationException",
            find_fault=_find_event_schedule,
            source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html",
        ),
        ApiRule(
            name="a rule has at most five targets",
            operations=("events:PutTargets",),
            code="LimitExceededException",
            find_fault=_find_targets,
            source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
        ),
    )
