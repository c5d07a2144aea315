"""Effects: carry a plan out, each change for itself, and tag what was touched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from guard.groups import NO_SIZES
from guard.plan import (
    Action,
    ResumeProcesses,
    SetAgents,
    SetSizes,
    SuspendProcesses,
    SwitchOrchestrator,
    TerminateInstances,
)
from guard.termination import terminate_confirmed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from guard.calls import AwsCalls
    from guard.environment import GuardSettings
    from guard.plan import Plan

ACTION_TAG, REASON_TAG, ERROR_TAG = "CfsGuardAction", "CfsGuardReason", "CfsGuardError"
"""Tags of what the guard has touched: its last action and when, the reason, and the error if it failed."""

_TAG_LENGTH = 250
"""EC2 accepts values of 256 characters."""

_NOT_IN_TAGS = re.compile(r"[^\w .:/=+@-]+")
"""Characters that not every service accepts in a tag:
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html"""

_TAGGED_PER_CALL = 1000


@dataclass(frozen=True, kw_only=True)
class ActionOutcome:
    """What became of a change.

    Attributes:
        action: The change.
        summary: What was done, for people: `groups.storage-a scaled to zero from 0/3/3`.
        error: Why it failed, or "".
        touched: Names of groups or IDs of instances that it concerns.
    """

    action: Action
    summary: str
    error: str = ""
    touched: tuple[str, ...] = ()


def apply_plan(
    calls: AwsCalls, settings: GuardSettings, plan: Plan, *, spared: frozenset[str], sleep: Callable[[float], None]
) -> list[ActionOutcome]:
    """Carry a plan out and return what became of each change."""
    return [_apply_action(calls, settings, action, spared=spared, sleep=sleep) for action in plan.actions]


def describe_action(action: Action) -> str:
    """Return a change in words."""
    match action:
        case SetAgents(mode=mode):
            return f"agents set to {mode}"
        case SuspendProcesses(group=group, processes=processes):
            return f"{group}: {' and '.join(sorted(processes))} suspended"
        case ResumeProcesses(group=group, processes=processes):
            return f"{group}: {' and '.join(sorted(processes))} resumed"
        case SetSizes(group=group, sizes=sizes, before=before):
            done = "scaled to zero" if sizes == NO_SIZES else f"sizes restored to {_join_sizes(sizes)}"
            return f"{group}: {done} from {_join_sizes(before)}"
        case TerminateInstances(ids=ids):
            return f"{len(ids)} instances terminated"
        case SwitchOrchestrator(id=identifier, starts=starts):
            return f"orchestrator {identifier} {'started' if starts else 'stopped'}"
    assert_never(action)


def _join_sizes(sizes: tuple[int, int, int]) -> str:
    return "/".join(map(str, sizes))


def _apply_action(
    calls: AwsCalls,
    settings: GuardSettings,
    action: Action,
    *,
    spared: frozenset[str],
    sleep: Callable[[float], None],
) -> ActionOutcome:
    if isinstance(action, TerminateInstances):
        return _apply_termination(calls, settings, action, spared=spared, sleep=sleep)
    call, subject, make = _call_of(calls, settings, action)
    noted = len(calls.failures)
    calls.attempt_call(call, make, subject=subject)
    error = "; ".join(failure.error for failure in calls.failures[noted:])
    return ActionOutcome(action=action, summary=describe_action(action), error=error, touched=(subject,))


def _call_of(calls: AwsCalls, settings: GuardSettings, action: Action) -> tuple[str, str, Callable[[], Any]]:
    """Return a change's call by name, what it is about, and what makes it."""
    scaling, ec2 = calls.service_client("autoscaling"), calls.service_client("ec2")
    match action:
        case SetAgents(mode=mode):
            name = settings.agent_mode_parameter
            ssm = calls.service_client("ssm")
            return "ssm:PutParameter", name, lambda: ssm.put_parameter(Name=name, Value=mode, Overwrite=True)["Version"]
        case SuspendProcesses(group=group, processes=processes):
            named = {"AutoScalingGroupName": group, "ScalingProcesses": sorted(processes)}
            return "autoscaling:SuspendProcesses", group, lambda: scaling.suspend_processes(**named)
        case ResumeProcesses(group=group, processes=processes):
            named = {"AutoScalingGroupName": group, "ScalingProcesses": sorted(processes)}
            return "autoscaling:ResumeProcesses", group, lambda: scaling.resume_processes(**named)
        case SetSizes(group=group, sizes=(minimum, maximum, desired)):
            sizes = {"MinSize": minimum, "MaxSize": maximum, "DesiredCapacity": desired}
            return (
                "autoscaling:UpdateAutoScalingGroup",
                group,
                lambda: scaling.update_auto_scaling_group(AutoScalingGroupName=group, **sizes),
            )
        case SwitchOrchestrator(id=identifier, starts=True):
            return "ec2:StartInstances", identifier, lambda: ec2.start_instances(InstanceIds=[identifier])
        case SwitchOrchestrator(id=identifier):
            return "ec2:StopInstances", identifier, lambda: ec2.stop_instances(InstanceIds=[identifier])
        case TerminateInstances():
            raise TypeError("terminations are confirmed, and so no single call")
    assert_never(action)


def _apply_termination(
    calls: AwsCalls,
    settings: GuardSettings,
    action: TerminateInstances,
    *,
    spared: frozenset[str],
    sleep: Callable[[float], None],
) -> ActionOutcome:
    ended = terminate_confirmed(calls, settings, action.ids, spared=spared, sleep=sleep)
    confirmed = "confirmed" if ended.is_confirmed else "not confirmed, since EC2 does not answer"
    summary = f"{len(ended.terminated)} instances terminated, {confirmed}"
    error = ""
    if ended.remaining:
        error = f"still running: {', '.join(ended.remaining)}"
        summary += f"; {len(ended.remaining)} still run: {', '.join(ended.remaining[:20])}"
    return ActionOutcome(
        action=TerminateInstances(ids=ended.terminated),
        summary=summary,
        error=error,
        touched=(*ended.terminated, *ended.remaining),
    )


def tag_touched(calls: AwsCalls, outcomes: Sequence[ActionOutcome], *, reason: str, at: datetime) -> None:
    """Write the last action, its reason and its error on the groups and instances that were touched."""
    groups = [each for each in outcomes if isinstance(each.action, SuspendProcesses | ResumeProcesses | SetSizes)]
    if groups:
        calls.attempt_call("autoscaling:CreateOrUpdateTags", lambda: _tag_groups(calls, groups, reason, at))
    machines = [each for each in outcomes if isinstance(each.action, TerminateInstances | SwitchOrchestrator)]
    for outcome in machines:
        calls.attempt_call("ec2:CreateTags", partial(_tag_instances, calls, outcome, reason, at))


def _tag_instances(calls: AwsCalls, outcome: ActionOutcome, reason: str, at: datetime) -> None:
    tags = [{"Key": key, "Value": value} for key, value in _outcome_tags([outcome], reason, at).items()]
    for start in range(0, len(outcome.touched), _TAGGED_PER_CALL):
        ids = list(outcome.touched[start : start + _TAGGED_PER_CALL])
        calls.service_client("ec2").create_tags(Resources=ids, Tags=tags)


def _tag_groups(calls: AwsCalls, outcomes: Iterable[ActionOutcome], reason: str, at: datetime) -> None:
    by_group: dict[str, list[ActionOutcome]] = {}
    for outcome in outcomes:
        by_group.setdefault(outcome.touched[0], []).append(outcome)
    calls.service_client("autoscaling").create_or_update_tags(
        Tags=[
            {
                "ResourceId": group,
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": False,
            }
            for group, done in by_group.items()
            for key, value in _outcome_tags(done, reason, at).items()
        ]
    )


def _outcome_tags(outcomes: Sequence[ActionOutcome], reason: str, at: datetime) -> dict[str, str]:
    done = "; ".join(outcome.summary.removeprefix(f"{outcome.touched[0]}: ") for outcome in outcomes)
    errors = "; ".join(outcome.error for outcome in outcomes if outcome.error)
    values = {ACTION_TAG: f"{at:%Y-%m-%dT%H:%MZ} {done}", REASON_TAG: reason, ERROR_TAG: errors or "none"}
    return {key: _tag_value(value) for key, value in values.items()}


def _tag_value(text: str) -> str:
    spelled = text.replace("$", "USD ").replace("%", "percent").replace("'", "")
    return _NOT_IN_TAGS.sub(" ", spelled)[:_TAG_LENGTH].strip()
