"""Scheduled actions that start and stop the nodes of an Auto Scaling group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_aws import autoscaling

from infra.schedules.schedule import calendar_actions

if TYPE_CHECKING:
    from datetime import datetime

    import pulumi

    from infra.component import Component
    from infra.schedules.schedule import Calendar, ScheduledAction

SIZE_UNCHANGED = -1
"""Value that pulumi-aws omits, so the action leaves the group's size unchanged. Without a value the size would be 0."""


@dataclass(frozen=True, kw_only=True)
class GroupScheduleArgs:
    """Inputs of a group's scheduled actions.

    Attributes:
        group_name: Name of the Auto Scaling group.
        calendar: Calendar of the group.
        node_count: Number of nodes while the group runs.
        max_nodes: The group's maximum size. Deployments set it only on creation, so each start sets it too.
        now: Current time; actions before it are omitted.
    """

    group_name: pulumi.Output[str]
    calendar: Calendar
    node_count: int
    max_nodes: int
    now: datetime


def declare_group_schedule(component: Component, name: str, *, args: GroupScheduleArgs) -> list[autoscaling.Schedule]:
    """Declare a group's scheduled actions as children of the component that declares the group."""
    return [
        _declare_action(component, f"{name}-{of.name}", of, args=args)
        for of in calendar_actions(args.calendar, now=args.now)
    ]


def _declare_action(
    component: Component, name: str, action: ScheduledAction, *, args: GroupScheduleArgs
) -> autoscaling.Schedule:
    most, nodes = (args.max_nodes, args.node_count) if action.opens else (SIZE_UNCHANGED, 0)
    return autoscaling.Schedule(
        name,
        autoscaling_group_name=args.group_name,
        scheduled_action_name=action.name,
        recurrence=action.recurrence,
        time_zone=action.time_zone,
        start_time=_format_utc(action.start_time),
        end_time=_format_utc(action.end_time),
        min_size=0,
        max_size=most,
        desired_capacity=nodes,
        # The provider keeps computed values: a removed end time would silently stay, and the computed start time would
        # be sent with any other change and refused because it is past by then. So a changed action is replaced, and the
        # old one, which has the same name, is deleted first.
        # https://github.com/hashicorp/terraform-provider-aws/issues/38983
        opts=component.child_options(delete_before_replace=True, replacement_trigger=f"{action} {nodes} of {most}"),
    )


def _format_utc(instant: datetime | None) -> str | None:
    """Return an instant in the format that AWS and the provider use."""
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
