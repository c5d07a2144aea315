"""`cfs cluster up`: the nodes started, with the time at which they stop set before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.cluster import activities, budget, estimate, fallback, runs, stops, waiting
from cfs.cluster.groups import choose, discover
from cfs.cluster.waiting import Pace
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from cfs.cluster.aws import Aws
    from cfs.cluster.groups import NodeGroup
    from cfs.cluster.stops import Stop
    from cfs.cluster.waiting import Outcome


@dataclass(frozen=True, kw_only=True)
class Window:
    """What is wanted.

    Attributes:
        environment: The stack's name.
        duration: For how long from now on.
        groups: Names, roles or beginnings of names of groups; none means all.
        on_demand: Whether nodes may be on demand where AWS has no spot capacity.
        force: Whether to start although it is over the day's budget.
        shorten: Whether to stop earlier than another window has set.
    """

    environment: str
    duration: timedelta
    groups: tuple[str, ...] = ()
    on_demand: bool = False
    force: bool = False
    shorten: bool = False


@dataclass(frozen=True, kw_only=True)
class Started:
    """What has been started.

    Attributes:
        groups: The groups as they are now.
        stops: When each stops.
    """

    groups: Sequence[NodeGroup]
    stops: Sequence[Stop]


def up(aws: Aws, window: Window, *, pace: Pace | None = None) -> Started:
    """Start nodes for a while and wait for them.

    Each group's stop is put before any node is started. Whatever ends this between two calls, no node is left running
    without a stop.

    Raises:
        UserError: It cannot, or is over the day's budget, or nodes do not come; those that have come run on.
    """
    pace = pace or Pace()
    now = aws.clock()
    everything = settle(aws, window.environment, discover(aws, window.environment))
    chosen = [group for group in choose(everything, window.groups) if group.nodes]
    _check_able(chosen, window)
    planned = [stops.plan(group, now=now, duration=window.duration, shorten=window.shorten) for group in chosen]
    if not window.force:
        _check_budget(aws, window, everything, planned)
    for stop in planned:
        if not stops.is_in_force(stop.group, stop.at, now):
            aws.call("autoscaling", "put_scheduled_update_group_action", **stops.request(stop.group, stop.at))
    for group in chosen:
        _start(aws, group)
    outcome = _await(aws, window, chosen, since=now, pace=pace)
    if outcome.lacking:
        raise _not_all(outcome, {stop.group.name: stop for stop in planned}, on_demand=window.on_demand)
    return Started(groups=outcome.groups, stops=planned)


def settle(aws: Aws, environment: str, groups: Sequence[NodeGroup]) -> list[NodeGroup]:
    """Put back the distribution of each group whose nodes on demand are gone, and give the groups as they then are.

    Raises:
        UserError: AWS refused or did not answer.
    """
    changed = [group for group in groups if group.fallback_from is not None]
    instances = runs.instances(aws, environment, changed) if changed else []
    over = {group.name for group in changed if fallback.is_over(group, instances)}
    for group in changed:
        if group.name in over:
            fallback.end(aws, group)
            console.print(f"  {group.name}: spot instances again; its nodes on demand are gone", markup=False)
    if not over:
        return list(groups)
    fresh = {group.name: group for group in discover(aws, environment)}
    return [fresh.get(group.name, group) for group in groups]


def _check_able(groups: Sequence[NodeGroup], window: Window) -> None:
    if not groups:
        raise UserError(
            f"None of the groups {', '.join(window.groups) or 'there are'} has any nodes to start.",
            repair="raise their `count` in the setting `nodeGroups`, and `pulumi up`",
        )
    for group in groups:
        if group.hindered_by:
            processes = " ".join(group.hindered_by)
            raise UserError(
                f"The group {group.name} has processes suspended without which it does not start or, worse, not stop "
                f"by itself: {', '.join(group.hindered_by)}.",
                repair="aws autoscaling resume-processes "
                f"--auto-scaling-group-name {group.full_name} --scaling-processes {processes}",
            )


def _check_budget(aws: Aws, window: Window, groups: Sequence[NodeGroup], planned: Sequence[Stop]) -> None:
    known = estimate.look_up(aws, window.environment, groups, on_demand=window.on_demand)
    until: dict[str, datetime] = {}
    for group in groups:
        upcoming = stops.upcoming(group, known.now)
        if group.desired and upcoming is not None:
            until[group.name] = upcoming
    until |= {stop.group.name: stop.at for stop in planned}
    limit = budget.read(aws, window.environment)
    budget.check(
        limit,
        spent=budget.so_far(limit, known.today()),
        ahead=known.ahead(groups, until, on_demand=window.on_demand),
    )


def _start(aws: Aws, group: NodeGroup) -> None:
    aws.call(
        "autoscaling",
        "update_auto_scaling_group",
        AutoScalingGroupName=group.full_name,
        # No lower bound: whatever stops the nodes then needs to know of the wanted number alone.
        MinSize=0,
        MaxSize=group.most,
        DesiredCapacity=group.nodes,
    )


def _await(aws: Aws, window: Window, chosen: Sequence[NodeGroup], *, since: datetime, pace: Pace) -> Outcome:
    names = [group.full_name for group in chosen]
    try:
        outcome = waiting.until_ready(aws, window.environment, names, since=since, pace=pace)
        helped = [group for group in outcome.lacking if window.on_demand and _may_help(group, outcome)]
        if not helped:
            return outcome
        instances = runs.instances(aws, window.environment, helped)
        again = aws.clock()
        for group in helped:
            wanted = fallback.distribution(group, instances)
            console.print(f"  {group.name}: no spot capacity, launching {group.missing} nodes on demand", markup=False)
            fallback.begin(aws, group, wanted)
        return waiting.until_ready(aws, window.environment, names, since=again, pace=pace)
    finally:
        if window.on_demand:
            settle(aws, window.environment, discover(aws, window.environment, names=names))


def _may_help(group: NodeGroup, outcome: Outcome) -> bool:
    failed = outcome.failures.get(group.name)
    return failed is not None and group.policy is not None and activities.trouble(failed.message).on_demand_helps


def _not_all(outcome: Outcome, planned: Mapping[str, Stop], *, on_demand: bool) -> UserError:
    problems, repairs = [], []
    for group in outcome.lacking:
        failed = outcome.failures.get(group.name)
        has = f"{group.name}: {group.in_service} of {group.desired} nodes are in service"
        if failed is None:
            problems.append(f"{has}; the others have not come up in {waiting.READY_SECONDS / 60:.0f} minutes.")
            repairs.append("cfs cluster status shows whether they come")
            continue
        trouble = activities.trouble(failed.message)
        problems.append(f"{has}; {trouble.meaning}. AWS says: {failed.message or failed.status}")
        repairs.append(trouble.repair)
        if trouble.on_demand_helps and not on_demand:
            repairs.append("give the command again with --on-demand")
    latest = max(stop.at for stop in planned.values())
    problems.append(f"What runs stays, and AWS goes on trying, until {latest:%Y-%m-%d %H:%M} UTC at the latest.")
    repairs.append("or give it up: cfs cluster down")
    return UserError("\n".join(problems), repair="; ".join(dict.fromkeys(repairs)))
