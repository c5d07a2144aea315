"""The component that declares the alarms of the orchestrator, the cluster and deployments."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 — Pulumi reads the annotations of components at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi  # noqa: TC002 — as above

from infra.alarms.cluster_rules import cluster_rules
from infra.alarms.orchestrator_rules import WatchedOrchestrator, orchestrator_rules
from infra.component import Component
from infra.metric_alarm import declare_alarm

if TYPE_CHECKING:
    from infra.stack_context import SecuredStack


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """Inputs of the alarms.

    Attributes:
        stack: The stack.
        topic_arn: ARN of the topic that the alarms notify.
        orchestrator_id: ID of the orchestrator's instance.
        has_orchestrator_hours: Whether a schedule stops the orchestrator.
        node_groups: Names of the node groups.
    """

    stack: SecuredStack
    topic_arn: pulumi.Output[str]
    orchestrator_id: pulumi.Output[str]
    has_orchestrator_hours: bool
    node_groups: Sequence[str]


class Alarms(Component):
    """Alarms that notify the alert topic.

    There are no composite alarms: a role can create them only with rights on all alarms of the account
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html). Instead, the rules
    are such that one cause raises one alarm.

    Attributes:
        arns: ARNs of the alarms.
    """

    arns: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, *, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the alarms."""
        super().__init__(name, opts=opts)
        environment = args.stack.environment
        watched = WatchedOrchestrator(
            environment=environment, instance_id=args.orchestrator_id, has_hours=args.has_orchestrator_hours
        )
        rules = (*orchestrator_rules(watched), *cluster_rules(environment, args.node_groups))
        self.arns = [declare_alarm(self, rule, stack=args.stack, topic_arn=args.topic_arn).arn for rule in rules]
        self.register_declared_outputs()
