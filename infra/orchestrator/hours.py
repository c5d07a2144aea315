"""Starts and stops the orchestrator at the schedule's hours, by EventBridge Scheduler.

There is no dead-letter queue: a call that failed to its end is counted in CloudWatch (`AWS/Scheduler`,
`TargetErrorCount` and `InvocationDroppedCount`, by schedule group), to call hours later would be wrong, and the next
day calls again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import iam, scheduler

from infra.access import policies
from infra.access.policies import Scope, document
from infra.component import Component
from infra.naming import IAM_ROLE, SCHEDULE_GROUP, physical_name
from infra.schedules.schedule import ScheduleError, actions
from infra.schedules.weekdays import Weekday
from infra.tags import PROJECT
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from datetime import datetime

    from infra.access.policies import Statement
    from infra.schedules.schedule import Calendar, ScheduledAction
    from infra.tags import Tags

NAME = "orchestrator-hours"

LONGEST_RETRY = timedelta(hours=1)
"""How long a call that fails is tried again, for instance while EC2 has no such machine to start."""

MOST_RETRIES = 185
"""EventBridge Scheduler's largest number, so that the time alone decides:
https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class OrchestratorHoursArgs:
    """What the schedules are made from.

    Attributes:
        instance_id: The orchestrator's instance, the only one that is started and stopped.
        key_arn: The KMS key of its disk, which EC2 is lent for each start.
        calendar: When it runs.
        now: What lies before is left out.
        account_id: The AWS account.
        region: The instance's region.
        boundary_arn: The policy that says the most that the role can be allowed.
        tags: The stack's tags.
    """

    instance_id: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    calendar: Calendar
    now: datetime
    account_id: pulumi.Output[str]
    region: str
    boundary_arn: pulumi.Output[str]
    tags: Tags


class OrchestratorHours(Component):
    """One schedule for each scheduled action of the calendar; a deployment itself starts and stops nothing.

    Attributes:
        group_name: The schedule group.
        role_arn: The role that starts and stops the orchestrator.
    """

    group_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: OrchestratorHoursArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the schedules."""
        super().__init__(name, opts=opts)
        self._args = args
        group = scheduler.ScheduleGroup(
            name,
            name=group_name(args.tags.environment),
            tags=args.tags.of(NAME, role="orchestrator"),
            opts=self.child(),
        )
        role, rights = self._role(name)
        for action in actions(args.calendar, now=args.now):
            self._schedule(f"{name}-{action.name}", action, group=group, role=role, rights=rights)
        self.group_name = group.name
        self.role_arn = role.arn
        self.register_outputs({"groupName": self.group_name, "roleArn": self.role_arn})

    def _role(self, name: str) -> tuple[iam.Role, iam.RolePolicy]:
        args = self._args
        scope = args.account_id.apply(
            lambda account_id: Scope(account_id=account_id, region=args.region, environment=args.tags.environment)
        )
        role = iam.Role(
            name,
            name=physical_name(IAM_ROLE, PROJECT, args.tags.environment, NAME),
            description=check_text(
                IAM_DESCRIPTION, "EventBridge Scheduler: starts and stops ClaudeFS's orchestrator at its hours"
            ),
            assume_role_policy=scope.apply(trust_policy),
            permissions_boundary=args.boundary_arn,
            tags=args.tags.of(f"{NAME}-role", role="orchestrator"),
            opts=self.child(),
        )
        rights = iam.RolePolicy(
            name,
            name=NAME,
            role=role.name,
            policy=pulumi.Output.all(scope, args.instance_id, args.key_arn).apply(
                lambda of: role_policy(of[0], instance_id=of[1], key_arn=of[2])
            ),
            opts=self.child(),
        )
        return role, rights

    def _schedule(
        self,
        name: str,
        action: ScheduledAction,
        *,
        group: scheduler.ScheduleGroup,
        role: iam.Role,
        rights: iam.RolePolicy,
    ) -> None:
        args = self._args
        operation = "startInstances" if action.opens else "stopInstances"
        scheduler.Schedule(
            name,
            name=action.name,
            group_name=group.name,
            schedule_expression=expression(args.calendar, action),
            schedule_expression_timezone=args.calendar.time_zone,
            start_date=_utc(_lower_bound(action)),
            end_date=_utc(action.end_time),
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": f"arn:aws:scheduler:::aws-sdk:ec2:{operation}",
                "role_arn": role.arn,
                "input": args.instance_id.apply(lambda instance: json.dumps({"InstanceIds": [instance]})),
                "retry_policy": {
                    "maximum_event_age_in_seconds": retry_seconds(args.calendar),
                    "maximum_retry_attempts": MOST_RETRIES,
                },
            },
            opts=self.child(depends_on=[rights]),
        )


def group_name(environment: str) -> str:
    """Name the schedule group; environments of one account have groups of their own."""
    return physical_name(SCHEDULE_GROUP, PROJECT, environment, NAME)


def trust_policy(scope: Scope) -> str:
    """Let EventBridge Scheduler assume the role for this group of schedules, and for no other.

    It cannot be limited to single schedules:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    group = scope.arn("scheduler", f"schedule-group/{group_name(scope.environment)}")
    return document(policies.trust("scheduler.amazonaws.com", *policies.from_source(scope.account_id, group)))


def role_policy(scope: Scope, *, instance_id: str, key_arn: str) -> str:
    """Give the role's policy."""
    return document(*grant(scope, instance_id=instance_id, key_arn=key_arn))


def grant(scope: Scope, *, instance_id: str, key_arn: str) -> tuple[Statement, ...]:
    """Let the role start and stop one instance."""
    return (
        policies.start_and_stop(scope.arn("ec2", f"instance/{instance_id}")),
        policies.lend_key_to_started_disks(key_arn, scope),
    )


def expression(calendar: Calendar, action: ScheduledAction) -> str:
    """Write when an action is done as EventBridge Scheduler reads it, in the calendar's time zone.

    Its cron has a year more than a scheduled action's, a `?` for one of the two fields of days, and other numbers of
    the days of the week, so that they stand by name here:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

    Raises:
        ScheduleError: The action has neither a recurrence nor a start time.
    """
    if action.recurrence is not None:
        minute, hour, _, _, days = action.recurrence.split()
        named = re.sub(r"\d", lambda number: Weekday(int(number[0])).name[:3], days)
        return f"cron({minute} {hour} {'* * ?' if days == '*' else f'? * {named}'} *)"
    if action.start_time is None:
        raise ScheduleError(f"the action {action.name} says no time")
    return f"at({calendar.local(action.start_time):%Y-%m-%dT%H:%M:%S})"


def retry_seconds(calendar: Calendar) -> int:
    """Give how long a failed call is tried again, in seconds: never so long that the opposite call is due."""
    if calendar.start is None:
        return int(LONGEST_RETRY.total_seconds())
    start, stop = calendar.start, calendar.stop
    open_for = timedelta(hours=stop.hour - start.hour, minutes=stop.minute - start.minute) % _DAY
    # A clock change may take an hour from either.
    longest = min(LONGEST_RETRY, open_for - LONGEST_RETRY, _DAY - open_for - LONGEST_RETRY)
    return int(max(_MINUTE, longest).total_seconds())


def _lower_bound(action: ScheduledAction) -> datetime | None:
    """Give the date from which on a recurring schedule counts, which here is only a bound and no time of its own."""
    return None if action.recurrence is None or action.start_time is None else action.start_time - _MINUTE


def _utc(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
