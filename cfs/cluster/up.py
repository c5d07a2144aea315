"""`cfs cluster up`: sets the times at which nodes stop, then starts the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.clock import SystemClock
from cfs.cluster import waiting
from cfs.cluster.auto_scaling_groups import choose_groups, discover_groups
from cfs.cluster.cost_estimate import estimate_costs
from cfs.cluster.daily_budget import check_budget, read_budget, spent_today
from cfs.cluster.node_runs import list_instances
from cfs.cluster.on_demand_fallback import begin_fallback, end_fallback, fallback_distribution, is_fallback_over
from cfs.cluster.scaling_activities import launch_trouble
from cfs.cluster.stop_times import is_stop_in_force, next_stop_time, plan_stop, stop_request
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from cfs.aws import AwsAccount
    from cfs.clock import Clock
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.stop_times import PlannedStop
    from cfs.cluster.waiting import LaunchOutcome


@dataclass(frozen=True, kw_only=True)
class ClusterWindow:
    """Options of `cfs cluster up`.

    Attributes:
        environment: The stack's name.
        duration: Length of the window, from now on.
        groups: Names, roles or prefixes of groups; none means all.
        on_demand: Whether nodes may be on demand if AWS has no spot capacity.
        force: Whether to start despite the day's budget.
        shorten: Whether nodes may stop earlier than another window has set.
    """

    environment: str
    duration: timedelta
    groups: tuple[str, ...] = ()
    on_demand: bool = False
    force: bool = False
    shorten: bool = False


@dataclass(frozen=True, kw_only=True)
class StartedGroups:
    """The started groups in their current state, and their stops."""

    groups: Sequence[AutoScalingGroup]
    stops: Sequence[PlannedStop]


def start_cluster(aws: AwsAccount, window: ClusterWindow, *, clock: Clock | None = None) -> StartedGroups:
    """Start nodes for a limited time and wait for them.

    All stops are set before any node is started, so no node runs without a stop if this command is killed.
    """
    clock = clock or SystemClock()
    now = aws.clock()
    everything = end_finished_fallbacks(aws, window.environment, discover_groups(aws, window.environment))
    chosen = [group for group in choose_groups(everything, window.groups) if group.nodes]
    _check_startable(chosen, window)
    planned = [plan_stop(group, now=now, duration=window.duration, shorten=window.shorten) for group in chosen]
    if not window.force:
        _check_budget(aws, window, everything, planned)
    for stop in planned:
        if not is_stop_in_force(stop.group, stop.at, now):
            aws.call_operation("autoscaling", "put_scheduled_update_group_action", **stop_request(stop.group, stop.at))
    for group in chosen:
        _start_group(aws, group)
    outcome = _await_nodes(aws, window, chosen, since=now, clock=clock)
    if outcome.lacking_groups:
        raise _lacking_nodes_error(outcome, {stop.group.name: stop for stop in planned}, on_demand=window.on_demand)
    return StartedGroups(groups=outcome.groups, stops=planned)


def end_finished_fallbacks(
    aws: AwsAccount, environment: str, groups: Sequence[AutoScalingGroup]
) -> list[AutoScalingGroup]:
    """Restore the distribution of each group whose on-demand nodes are gone, and return the current groups."""
    changed = [group for group in groups if group.fallback_from is not None]
    instances = list_instances(aws, environment, changed) if changed else []
    over = {group.name for group in changed if is_fallback_over(group, instances)}
    for group in changed:
        if group.name in over:
            end_fallback(aws, group)
            console.print(f"  {group.name}: spot instances again; its on-demand nodes are gone")
    if not over:
        return list(groups)
    fresh = {group.name: group for group in discover_groups(aws, environment)}
    return [fresh.get(group.name, group) for group in groups]


def _check_startable(groups: Sequence[AutoScalingGroup], window: ClusterWindow) -> None:
    if not groups:
        raise UserError(
            f"None of the groups {', '.join(window.groups) or 'that exist'} has any nodes to start.",
            repair="raise their `count` in the setting `nodeGroups`, and `pulumi up`",
        )
    for group in groups:
        if group.hindered_by:
            processes = " ".join(group.hindered_by)
            raise UserError(
                f"The group {group.name} cannot start, or worse, cannot stop on its own, because these processes are "
                f"suspended: {', '.join(group.hindered_by)}.",
                repair="aws autoscaling resume-processes "
                f"--auto-scaling-group-name {group.full_name} --scaling-processes {processes}",
            )


def _check_budget(
    aws: AwsAccount, window: ClusterWindow, groups: Sequence[AutoScalingGroup], planned: Sequence[PlannedStop]
) -> None:
    known = estimate_costs(aws, window.environment, groups, on_demand=window.on_demand)
    until: dict[str, datetime] = {}
    for group in groups:
        upcoming = next_stop_time(group, known.now)
        if group.desired and upcoming is not None:
            until[group.name] = upcoming
    until |= {stop.group.name: stop.at for stop in planned}
    limit = read_budget(aws, window.environment)
    check_budget(
        limit,
        spent=spent_today(limit, known.cost_today()),
        ahead=known.cost_ahead(groups, until, on_demand=window.on_demand),
    )


def _start_group(aws: AwsAccount, group: AutoScalingGroup) -> None:
    aws.call_operation(
        "autoscaling",
        "update_auto_scaling_group",
        AutoScalingGroupName=group.full_name,
        # No lower bound, so stopping only has to set the desired capacity.
        MinSize=0,
        MaxSize=group.most_nodes,
        DesiredCapacity=group.nodes,
    )


def _await_nodes(
    aws: AwsAccount,
    window: ClusterWindow,
    chosen: Sequence[AutoScalingGroup],
    *,
    since: datetime,
    clock: Clock,
) -> LaunchOutcome:
    names = [group.full_name for group in chosen]
    try:
        outcome = waiting.wait_until_ready(aws, window.environment, names, since=since, clock=clock)
        helped = [group for group in outcome.lacking_groups if window.on_demand and _on_demand_may_help(group, outcome)]
        if not helped:
            return outcome
        instances = list_instances(aws, window.environment, helped)
        again = aws.clock()
        for group in helped:
            wanted = fallback_distribution(group, instances)
            console.print(f"  {group.name}: no spot capacity, launching {group.missing_count} nodes on demand")
            begin_fallback(aws, group, wanted)
        return waiting.wait_until_ready(aws, window.environment, names, since=again, clock=clock)
    finally:
        if window.on_demand:
            end_finished_fallbacks(aws, window.environment, discover_groups(aws, window.environment, names=names))


def _on_demand_may_help(group: AutoScalingGroup, outcome: LaunchOutcome) -> bool:
    failed = outcome.failures.get(group.name)
    return failed is not None and group.policy is not None and launch_trouble(failed.message).on_demand_helps


def _lacking_nodes_error(outcome: LaunchOutcome, planned: Mapping[str, PlannedStop], *, on_demand: bool) -> UserError:
    problems, repairs = [], []
    for group in outcome.lacking_groups:
        failed = outcome.failures.get(group.name)
        has = f"{group.name}: {group.in_service} of {group.desired} nodes are in service"
        if failed is None:
            problems.append(f"{has}; the others were not ready within {waiting.READY_SECONDS / 60:.0f} minutes.")
            repairs.append("watch them with cfs cluster status")
            continue
        trouble = launch_trouble(failed.message)
        problems.append(f"{has}; {trouble.meaning}. AWS says: {failed.message or failed.status}")
        repairs.append(trouble.repair)
        if trouble.on_demand_helps and not on_demand:
            repairs.append("run the command again with --on-demand")
    latest = max(stop.at for stop in planned.values())
    problems.append(f"Running nodes stay, and AWS keeps trying, until {latest:%Y-%m-%d %H:%M} UTC at the latest.")
    repairs.append("or stop everything: cfs cluster down")
    return UserError("\n".join(problems), repair="; ".join(dict.fromkeys(repairs)))
