"""EventBridge Scheduler schedules that start and stop the orchestrator.

They have no dead-letter queue: CloudWatch counts failed and dropped calls (`AWS/Scheduler`, `TargetErrorCount` and
`InvocationDroppedCount`, by schedule group), repeating a call hours later would be wrong, and the schedule calls again
the next day.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import scheduler

from infra.access.bounded_role import BoundedRole, declare_bounded_role
from infra.access.grants import through_services
from infra.access.role_purposes import HOURS_NAME
from infra.access.statements import Condition, Statement, is_present, is_true, source_conditions, trust_service
from infra.component import Component
from infra.naming import schedule_group_name
from infra.schedules.schedule import ScheduleError, calendar_actions
from infra.schedules.weekdays import Weekday

if TYPE_CHECKING:
    from datetime import datetime

    from infra.schedules.schedule import Calendar, ScheduledAction
    from infra.scope import Scope, SecuredScope
    from infra.stack_context import SecuredStack

MAX_RETRY_DURATION = timedelta(hours=1)
"""Maximum time for retries of a failed call, for example while EC2 has no capacity for the instance."""

MAX_SCHEDULER_RETRIES = 185
"""EventBridge Scheduler's maximum, so only the time limits the retries:
https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class OrchestratorHoursArgs:
    """Inputs of the schedules.

    Attributes:
        stack: The stack.
        instance_id: ID of the orchestrator's instance.
        calendar: Calendar of the orchestrator.
        now: Current time; actions before it are omitted.
    """

    stack: SecuredStack
    instance_id: pulumi.Output[str]
    calendar: Calendar
    now: datetime


class OrchestratorHours(Component):
    """One schedule for each scheduled action of the calendar; deployments do not start or stop the orchestrator.

    Attributes:
        group_name: Name of the schedule group.
        role_arn: ARN of the role that starts and stops the orchestrator.
    """

    group_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: OrchestratorHoursArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the schedules."""
        super().__init__(name, opts=opts)
        self._args = args
        group = scheduler.ScheduleGroup(
            name,
            name=schedule_group_name(args.stack.environment),
            tags=args.stack.tags.for_resource(HOURS_NAME, role="orchestrator"),
            opts=self.child_options(),
        )
        role = self._declare_role()
        for action in calendar_actions(args.calendar, now=args.now):
            self._declare_schedule(f"{name}-{action.name}", action, group=group, role=role)
        self.group_name = group.name
        self.role_arn = role.arn
        self.register_declared_outputs()

    def _declare_role(self) -> BoundedRole:
        args = self._args
        return declare_bounded_role(
            self,
            HOURS_NAME,
            stack=args.stack,
            description="EventBridge Scheduler: starts and stops ClaudeFS's orchestrator at its hours",
            tag_role="orchestrator",
            trust=args.stack.scope.apply(scheduler_trust),
            grants={
                HOURS_NAME: pulumi.Output.all(args.stack.secured_scope, args.instance_id).apply(
                    lambda known: scheduler_grants(known[0], instance_id=known[1])
                )
            },
        )

    def _declare_schedule(
        self,
        name: str,
        action: ScheduledAction,
        *,
        group: scheduler.ScheduleGroup,
        role: BoundedRole,
    ) -> None:
        args = self._args
        operation = "startInstances" if action.opens else "stopInstances"
        scheduler.Schedule(
            name,
            name=action.name,
            group_name=group.name,
            schedule_expression=action_expression(args.calendar, action),
            schedule_expression_timezone=args.calendar.time_zone,
            start_date=_format_utc(_recurrence_bound(action)),
            end_date=_format_utc(action.end_time),
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": f"arn:aws:scheduler:::aws-sdk:ec2:{operation}",
                "role_arn": role.arn,
                "input": args.instance_id.apply(lambda instance: json.dumps({"InstanceIds": [instance]})),
                "retry_policy": {
                    "maximum_event_age_in_seconds": retry_seconds(args.calendar),
                    "maximum_retry_attempts": MAX_SCHEDULER_RETRIES,
                },
            },
            opts=self.child_options(depends_on=role.policies),
        )


def scheduler_trust(scope: Scope) -> Statement:
    """Return a trust statement that lets EventBridge Scheduler assume the role, only for this schedule group.

    The trust cannot be limited to single schedules:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    group = scope.regional_arn("scheduler", f"schedule-group/{schedule_group_name(scope.environment)}")
    return trust_service("scheduler.amazonaws.com", *source_conditions(scope.account_id, group))


def scheduler_grants(scope: SecuredScope, *, instance_id: str) -> tuple[Statement, Statement]:
    """Return grants to start and stop one instance; on start, EC2 needs a KMS grant to decrypt the disks' data key.

    https://docs.aws.amazon.com/solutions/latest/instance-scheduler-on-aws/security-1
    """

    def only(key: str, value: str) -> Condition:
        return Condition(operator="ForAllValues:StringEquals", key=key, values=(value,))

    return (
        Statement(
            sid="StartAndStop",
            actions=("ec2:StartInstances", "ec2:StopInstances"),
            resources=(scope.regional_arn("ec2", f"instance/{instance_id}"),),
        ),
        Statement(
            sid="LendKeyToStartedDisks",
            actions=("kms:CreateGrant",),
            resources=(scope.key_arn,),
            conditions=(
                through_services(scope, "ec2"),
                is_true("kms:GrantIsForAWSResource"),
                only("kms:GrantOperations", "Decrypt"),
                only("kms:EncryptionContextKeys", "aws:ebs:id"),
                # ForAllValues also matches if the key is missing.
                is_present("kms:GrantOperations"),
                is_present("kms:EncryptionContextKeys"),
            ),
        ),
    )


def action_expression(calendar: Calendar, action: ScheduledAction) -> str:
    """Return an action's schedule in EventBridge Scheduler's syntax, in the calendar's time zone.

    Unlike a scheduled action's cron, this syntax has a field for the year, a `?` in one of the two day fields, and
    different numbers for weekdays, so weekdays are written by name:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

    Raises:
        ScheduleError: The action has neither a recurrence nor a start time.
    """
    if action.recurrence is not None:
        minute, hour, _, _, days = action.recurrence.split()
        named = re.sub(r"\d", lambda number: Weekday(int(number[0])).name[:3], days)
        return f"cron({minute} {hour} {'* * ?' if days == '*' else f'? * {named}'} *)"
    if action.start_time is None:
        raise ScheduleError(f"the action {action.name} has no time")
    return f"at({calendar.local_time(action.start_time):%Y-%m-%dT%H:%M:%S})"


def retry_seconds(calendar: Calendar) -> int:
    """Return the time for retries of a failed call, in seconds; retries end before the opposite call is due."""
    if calendar.start is None:
        return int(MAX_RETRY_DURATION.total_seconds())
    start, stop = calendar.start, calendar.stop
    open_for = timedelta(hours=stop.hour - start.hour, minutes=stop.minute - start.minute) % _DAY
    # A clock change may shorten either by an hour.
    longest = min(MAX_RETRY_DURATION, open_for - MAX_RETRY_DURATION, _DAY - open_for - MAX_RETRY_DURATION)
    return int(max(_MINUTE, longest).total_seconds())


def _recurrence_bound(action: ScheduledAction) -> datetime | None:
    """Return the start date of a recurring schedule: a lower bound, unlike the first run of a scheduled action."""
    return None if action.recurrence is None or action.start_time is None else action.start_time - _MINUTE


def _format_utc(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
