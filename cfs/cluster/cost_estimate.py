"""The cluster's cost today, per hour and until the end of the day, looked up once per command."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from cfs.cluster.node_runs import list_instances, possible_pools, runs_since, start_of_day
from cfs.prices import ec2_prices as prices
from costs import running_costs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.node_runs import NodeInstance
    from costs.running_costs import CapacityPool, Cost, KnownPrices, NodeRun

INCLUDED_NOTE = (
    "Included: the nodes' instances, by the second, at the spot price of the time or the Price List's on-demand price. "
    "Not included: root volumes, public addresses, traffic, the orchestrator and everything else in the account."
)
PLACEHOLDERS_NOTE = "All prices are placeholders of the emulated account, not AWS's."


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """Running times and prices of today's nodes, as of `now`; the day begins at `midnight` in UTC."""

    now: datetime
    midnight: datetime
    instances: Sequence[NodeInstance]
    runs: Sequence[NodeRun]
    prices: KnownPrices = field(repr=False)

    def cost_today(self) -> Cost:
        """Return the cost of the nodes today."""
        return running_costs.total_cost(running_costs.run_cost(run, self.prices, until=self.now) for run in self.runs)

    def cost_per_hour(self) -> Cost:
        """Return the cost per hour of the running nodes."""
        return running_costs.hourly_cost(self.runs, self.prices)

    def cost_ahead(self, groups: Sequence[AutoScalingGroup], until: Mapping[str, datetime], *, on_demand: bool) -> Cost:
        """Return the cluster's cost from now until the end of the day.

        Args:
            groups: All groups.
            until: Stop of each running or starting group, by name.
            on_demand: Whether new nodes may be on demand.
        """
        return running_costs.total_cost(
            self._group_cost_ahead(group, until[group.name], on_demand) for group in groups if group.name in until
        )

    def _group_cost_ahead(self, group: AutoScalingGroup, until: datetime, on_demand: bool) -> Cost:  # noqa: FBT001 — private
        left = max(min(until, self.midnight + timedelta(days=1)) - self.now, timedelta(0))
        running = [run for run in self.runs if run.group == group.name and run.ended is None]
        hourly = running_costs.hourly_cost(running, self.prices)
        running_cost = running_costs.Cost(usd=hourly.usd * running_costs.duration_hours(left), unknown=hourly.unknown)
        new = max(group.nodes - len(running), 0)
        pools = _priced_pools(group, on_demand)
        return running_cost + running_costs.new_nodes_cost(pools, self.prices, nodes=new, duration=left)


def estimate_costs(
    aws: AwsAccount, environment: str, groups: Sequence[AutoScalingGroup], *, on_demand: bool = False
) -> CostEstimate:
    """Look up today's running times and the prices of all groups; `on_demand`: new nodes may be on demand."""
    now = aws.clock()
    midnight = start_of_day(now)
    instances = list_instances(aws, environment, groups)
    runs = runs_since(aws, groups, instances, midnight=midnight)
    pools = {pool for run in runs for pool in run.pools}
    pools |= {pool for group in groups for pool in _priced_pools(group, on_demand)}
    known_prices = prices.look_up_prices(
        aws,
        spot={pool.instance_type for pool in pools if pool.zone},
        on_demand={pool.instance_type for pool in pools if not pool.zone},
        since=midnight,
    )
    return CostEstimate(now=now, midnight=midnight, instances=instances, runs=runs, prices=known_prices)


def _priced_pools(group: AutoScalingGroup, on_demand: bool) -> list[CapacityPool]:  # noqa: FBT001 — private
    """Return the possible capacity pools of a group's new nodes."""
    certain = group.distribution.on_demand_count(group.nodes)
    pools = list(possible_pools(group, "spot")) if certain < group.nodes else []
    if certain or on_demand:
        pools += possible_pools(group, "on-demand")
    return pools
