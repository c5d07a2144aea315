"""`cfs cluster status`: shows which nodes run, why, until when, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.cluster.auto_scaling_groups import discover_groups
from cfs.cluster.cost_estimate import estimate_costs
from cfs.cluster.daily_budget import read_budget
from cfs.cluster.node_runs import possible_pools
from cfs.cluster.on_demand_fallback import count_on_demand
from cfs.cluster.stop_times import held_until, next_stop_time
from infra.schedules.occurrences import is_scheduled_open, next_scheduled_start
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.cost_estimate import CostEstimate
    from cfs.cluster.daily_budget import DailyBudget


@dataclass(frozen=True, kw_only=True)
class GroupStatus:
    """State of a group.

    Attributes:
        group: The group.
        running: Number of instances, whether in service or not.
        on_demand: Number of on-demand instances among them.
        cheapest: Lowest current price of a node per hour, in US dollars, among the running nodes, or the possible ones
            if none runs; None if unknown.
        dearest: Highest such price.
        since: Launch of the oldest node; None if none runs.
        next_start: Next scheduled start; None if there is none, or while the group runs.
        next_stop: Next stop while the group runs; None if nothing stops it.
        why: Why the group runs or does not.
    """

    group: AutoScalingGroup
    running: int
    on_demand: int
    cheapest: Decimal | None
    dearest: Decimal | None
    since: datetime | None
    next_start: datetime | None
    next_stop: datetime | None
    why: str


@dataclass(frozen=True, kw_only=True)
class ClusterStatus:
    """State and cost of the cluster; `budget` is an error if the daily budget cannot be read."""

    states: Sequence[GroupStatus]
    estimate: CostEstimate
    budget: DailyBudget | UserError


def read_cluster_status(aws: AwsAccount, environment: str) -> ClusterStatus:
    """Read the cluster's state and cost."""
    groups = discover_groups(aws, environment)
    known = estimate_costs(aws, environment, groups)
    try:
        limit: DailyBudget | UserError = read_budget(aws, environment)
    except UserError as error:
        limit = error
    return ClusterStatus(states=[_group_status(group, known) for group in groups], estimate=known, budget=limit)


def _group_status(group: AutoScalingGroup, known: CostEstimate) -> GroupStatus:
    running = [instance for instance in known.instances if instance.group == group.name and instance.is_there]
    pools = {instance.pool for instance in running} or {*possible_pools(group, "spot")}
    priced = [usd for pool in pools if (usd := known.prices.current_price(pool)) is not None]
    on_demand = count_on_demand(group, running)
    is_wanted = group.desired > 0
    return GroupStatus(
        group=group,
        running=len(running),
        on_demand=on_demand,
        cheapest=min(priced, default=None),
        dearest=max(priced, default=None),
        since=min((instance.launched for instance in running), default=None),
        next_start=None if is_wanted else next_scheduled_start(group.scheduled_actions, known.now),
        next_stop=next_stop_time(group, known.now) if is_wanted else None,
        why="; ".join(_status_reasons(group, known.now, on_demand)),
    )


def _status_reasons(group: AutoScalingGroup, now: datetime, on_demand: int) -> list[str]:
    held = None if group.stop is None else held_until(group.stop, now)
    is_period = is_scheduled_open(group.scheduled_actions, now)
    if group.desired:
        reasons = ["schedule" if is_period and held is None else "started by hand"]
    elif group.nodes == 0:
        reasons = ["has no nodes by its settings"]
    else:
        reasons = ["stopped by hand or by a guard" if is_period else "schedule"]
    if group.desired and group.stop is None:
        reasons.append("nothing stops it: no scheduled action `stop`")
    if group.fallback_from is not None:
        reasons.append(f"{on_demand} on demand for lack of spot capacity, until they are stopped")
    if group.hindered_by:
        reasons.append(f"suspended: {', '.join(group.hindered_by)}")
    return reasons
