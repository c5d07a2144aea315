"""AWS Cost Anomaly Detection, which is free and reports a day late. It only sends messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_aws import costexplorer

from infra.component import Component
from infra.naming import COST_ANOMALY_NAME, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    import pulumi

    from infra.stack_context import SecuredStack

LEAST_IMPACT_USD = 10
"""Minimum cost of a reported anomaly, in US dollars: a tenth of the default daily budget."""


@dataclass(frozen=True, kw_only=True)
class CostAnomaliesArgs:
    """Inputs of the monitor.

    Attributes:
        stack: The stack.
        topic_arn: ARN of the topic that anomalies are published to.
    """

    stack: SecuredStack
    topic_arn: pulumi.Output[str]


class CostAnomalies(Component):
    """A monitor for resources with the environment's tag, and its subscription.

    An account can have only one monitor of all services, which AWS has created for many accounts, but several monitors
    by tag: https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html#limits-anomaly
    The monitor finds nothing until the tag is activated for cost allocation.

    Attributes:
        monitor_arn: ARN of the monitor.
    """

    monitor_arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: CostAnomaliesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the monitor and its subscription."""
        super().__init__(name, opts=opts)
        stack = args.stack
        physical = physical_name(COST_ANOMALY_NAME, PROJECT_NAME, stack.environment, "anomalies")
        monitor = costexplorer.AnomalyMonitor(
            name,
            name=physical,
            monitor_type="CUSTOM",
            monitor_specification=json.dumps(
                {"Tags": {"Key": "Environment", "MatchOptions": ["EQUALS"], "Values": [stack.environment]}}
            ),
            tags=stack.tags.for_resource(name, role="guard"),
            # Cost Explorer returns additional empty fields, because of which the provider would replace the monitor.
            opts=self.child_options(ignore_changes=["monitorSpecification"]),
        )
        costexplorer.AnomalySubscription(
            name,
            name=physical,
            # The only frequency for topics.
            frequency="IMMEDIATE",
            monitor_arn_lists=[monitor.arn],
            subscribers=[{"type": "SNS", "address": args.topic_arn}],
            threshold_expression={
                "dimension": {
                    "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    "match_options": ["GREATER_THAN_OR_EQUAL"],
                    "values": [str(LEAST_IMPACT_USD)],
                }
            },
            tags=stack.tags.for_resource(f"{name}-subscription", role="guard"),
            opts=self.child_options(),
        )
        self.monitor_arn = monitor.arn
        self.register_declared_outputs()
