"""The component that declares the dashboards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence  # noqa: TC003 — Pulumi reads the annotations of components at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import cloudwatch

from infra.component import Component
from infra.dashboards.boards import BOARDS
from infra.dashboards.widgets import DashboardContext, dashboard_body
from infra.naming import dashboard_name

if TYPE_CHECKING:
    from infra.dashboards.boards import Board
    from infra.stack_context import SecuredStack


@dataclass(frozen=True, kw_only=True)
class DashboardsArgs:
    """Inputs of the dashboards.

    Attributes:
        stack: The stack.
        orchestrator_id: ID of the orchestrator's instance.
        has_orchestrator_hours: Whether a schedule stops the orchestrator.
        node_groups: Names of the node groups.
        daily_usd: Daily budget in US dollars.
        alarm_arns: ARNs of the environment's alarms.
    """

    stack: SecuredStack
    orchestrator_id: pulumi.Output[str]
    has_orchestrator_hours: bool
    node_groups: Sequence[str]
    daily_usd: int
    alarm_arns: Sequence[pulumi.Output[str]]


class Dashboards(Component):
    """Three dashboards, which belong to no region.

    Attributes:
        names: Names of the dashboards.
    """

    names: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, *, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the dashboards."""
        super().__init__(name, opts=opts)
        stack = args.stack
        context = pulumi.Output.all(args.orchestrator_id, *args.alarm_arns).apply(
            lambda known: DashboardContext(
                environment=stack.environment,
                region=stack.region,
                orchestrator_id=known[0],
                has_orchestrator_hours=args.has_orchestrator_hours,
                node_groups=args.node_groups,
                daily_usd=args.daily_usd,
                alarm_arns=known[1:],
            )
        )
        self.names = {board: self._declare_dashboard(board, context, stack.environment) for board in BOARDS}
        self.register_declared_outputs()

    def _declare_dashboard(
        self, board: Board, context: pulumi.Output[DashboardContext], environment: str
    ) -> pulumi.Output[str]:
        dashboard = cloudwatch.Dashboard(
            f"dashboard-{board}",
            dashboard_name=dashboard_name(environment, board),
            dashboard_body=context.apply(lambda known: json.dumps(dashboard_body(BOARDS[board](known), known))),
            opts=self.child_options(),
        )
        named: pulumi.Output[str] = dashboard.dashboard_name
        return named
