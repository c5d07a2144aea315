"""What the cluster has cost today, costs an hour, and is going to cost: looked up once for a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from cfs.cluster import costs, prices
from cfs.cluster.node_runs import list_instances, possible_pools, runs_since, start_of_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.costs import CapacityPool, Cost, KnownPrices, NodeRun
    from cfs.cluster.node_runs import NodeInstance

INCLUDED_NOTE = (
    "In the figures: the nodes' instances, by the second at the spot price that held, or by the Price List on demand. "
    "Not in them: root volumes, public addresses, traffic, the orchestrator and all else that the account pays for."
)
PLACEHOLDERS_NOTE = "All prices are placeholders of the emulated account, none of AWS's."


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """What is known of the nodes' time and prices.

    Attributes:
        now: As of when.
        midnight: The beginning of the day, in UTC.
        instances: What EC2 describes.
        runs: The time of each node that has run today.
        prices: What they cost.
    """

    now: datetime
    midnight: datetime
    instances: Sequence[NodeInstance]
    runs: Sequence[NodeRun]
    prices: KnownPrices = field(repr=False)

    def cost_today(self) -> Cost:
        """Return what the nodes have cost today."""
        return costs.total_cost(costs.run_cost(run, self.prices, until=self.now) for run in self.runs)

    def cost_per_hour(self) -> Cost:
        """Return what the nodes that run cost an hour."""
        return costs.hourly_cost(self.runs, self.prices)

    def cost_ahead(self, groups: Sequence[AutoScalingGroup], until: Mapping[str, datetime], *, on_demand: bool) -> Cost:
        """Return what the cluster is going to cost until the end of today.

        Args:
            groups: All of it.
            until: When each group's nodes stop, by its name: those that run, and those that are to.
            on_demand: Whether nodes to come may be on demand.
        """
        return costs.total_cost(
            self._group_cost_ahead(group, until[group.name], on_demand) for group in groups if group.name in until
        )

    def _group_cost_ahead(self, group: AutoScalingGroup, until: datetime, on_demand: bool) -> Cost:  # noqa: FBT001 — private
        left = max(min(until, self.midnight + timedelta(days=1)) - self.now, timedelta(0))
        running = [run for run in self.runs if run.group == group.name and run.ended is None]
        hourly = costs.hourly_cost(running, self.prices)
        there = costs.Cost(usd=hourly.usd * costs.duration_hours(left), unknown=hourly.unknown)
        to_come = max(group.nodes - len(running), 0)
        return there + costs.new_nodes_cost(_priced_pools(group, on_demand), self.prices, nodes=to_come, duration=left)


def estimate_costs(
    aws: AwsAccount, environment: str, groups: Sequence[AutoScalingGroup], *, on_demand: bool = False
) -> CostEstimate:
    """Look up what has run today and the prices that this takes.

    Args:
        aws: The account.
        environment: The stack's name.
        groups: All of its groups.
        on_demand: Whether nodes to come may be on demand.
    """
    now = aws.clock()
    midnight = start_of_day(now)
    instances = list_instances(aws, environment, groups)
    ran = runs_since(aws, groups, instances, midnight=midnight)
    pools = {pool for run in ran for pool in run.pools}
    pools |= {pool for group in groups for pool in _priced_pools(group, on_demand)}
    found = prices.look_up_prices(
        aws,
        spot={pool.instance_type for pool in pools if pool.zone},
        on_demand={pool.instance_type for pool in pools if not pool.zone},
        since=midnight,
    )
    return CostEstimate(now=now, midnight=midnight, instances=instances, runs=ran, prices=found)


def _priced_pools(group: AutoScalingGroup, on_demand: bool) -> list[CapacityPool]:  # noqa: FBT001 — private
    """Return what a group's nodes to come may run on."""
    certain = group.distribution.on_demand_count(group.nodes)
    found = list(possible_pools(group, "spot")) if certain < group.nodes else []
    if certain or on_demand:
        found += possible_pools(group, "on-demand")
    return found
