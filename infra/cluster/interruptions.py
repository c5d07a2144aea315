"""Nodes that go: who hears of it, what is done, and where it is written down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import cloudwatch, ssm

from infra.access.bounded_role import BoundedRole, declare_bounded_role
from infra.access.grants import complete_lifecycle_actions, describe_instances, pass_role, put_metrics, send_commands
from infra.access.statements import (
    EVERYTHING,
    Statement,
    allow_service,
    arn_like,
    render_policy,
    source_conditions,
    trust_service,
)
from infra.cluster import runbooks
from infra.cluster.runbooks import CLUSTER_METRICS_NAMESPACE, NODE_NOTICES
from infra.component import Component
from infra.log_group import declare_log_group
from infra.naming import EVENT_RULE, document_name, physical_name, scaling_group_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.cluster.runbooks import NodeNotice
    from infra.config.node_groups import NodeGroup
    from infra.scope import Scope
    from infra.stack_context import SecuredStack

LAUNCH_FAILURE_RULE = "launch-failure"
"""The rule for instances that a group wanted and did not get, most often for lack of spot capacity."""

LAUNCH_FAILURES_METRIC = "LaunchFailures"
"""Their metric, by the dimension `AutoScalingGroupName`."""

LAUNCH_UNSUCCESSFUL_EVENT = "EC2 Instance Launch Unsuccessful"
"""Auto Scaling's names for them."""

EVENT_LOG_WRITERS = {"EventBridge": "events.amazonaws.com", "LogDelivery": "delivery.logs.amazonaws.com"}
"""Whom CloudWatch Logs takes events of EventBridge from:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions"""

MAX_DELIVERY_RETRIES = 185
"""As often as EventBridge tries by default; the event's age ends it before."""


@dataclass(frozen=True, kw_only=True)
class InterruptionsArgs:
    """Inputs of the rules and runbooks.

    Attributes:
        stack: The stack.
        groups: The environment's node groups.
        commands: The Command documents, of which the runbooks run one.
    """

    stack: SecuredStack
    groups: Sequence[NodeGroup]
    commands: pulumi.Resource


class Interruptions(Component):
    """A rule, a runbook and a log entry for each event that announces a node's end.

    Attributes:
        log_group: Where the events are written down.
    """

    log_group: pulumi.Output[str]

    def __init__(self, name: str, *, args: InterruptionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare rules, targets, runbooks, their roles and the log."""
        super().__init__(name, opts=opts)
        self._args = args
        self._environment = args.stack.environment
        self._scope = args.stack.scope
        self._group_names = [scaling_group_name(self._environment, group.name) for group in args.groups]
        worker, starter = self._declare_roles()
        rules = {notice.name: self._declare_notice(notice, worker=worker, starter=starter) for notice in NODE_NOTICES}
        rules[LAUNCH_FAILURE_RULE] = self._declare_rule(
            LAUNCH_FAILURE_RULE,
            "a group wanted a node and did not get it",
            pattern=launch_failure_pattern(self._group_names),
        )
        logs = self._declare_event_log(name, rules)
        self.log_group = logs.name
        self.register_declared_outputs()

    def _declare_roles(self) -> tuple[BoundedRole, BoundedRole]:
        """Declare the role that runbooks work under and the one that EventBridge starts them under."""
        worker = self._declare_role(
            "runbooks",
            "ClaudeFS's runbooks: drain this environment's nodes and let them go",
            trust=self._scope.apply(runbooks_trust),
        )
        starter = self._declare_role(
            "events",
            "EventBridge: starts ClaudeFS's runbooks for this environment",
            trust=self._scope.apply(events_trust),
        )
        return worker, starter

    def _declare_role(self, purpose: str, description: str, *, trust: pulumi.Output[Statement]) -> BoundedRole:
        return declare_bounded_role(
            self,
            purpose,
            stack=self._args.stack,
            description=description,
            tag_role="interruptions",
            trust=trust,
            grants={purpose: self._scope.apply(INTERRUPTION_GRANTS[purpose])},
        )

    def _declare_rule(self, name: str, description: str, *, pattern: str) -> cloudwatch.EventRule:
        return cloudwatch.EventRule(
            name,
            name=physical_name(EVENT_RULE, PROJECT_NAME, self._environment, name),
            description=description,
            event_pattern=pattern,
            tags=self._args.stack.tags.for_resource(name, role="interruptions"),
            opts=self.child_options(),
        )

    def _declare_notice(self, notice: NodeNotice, *, worker: BoundedRole, starter: BoundedRole) -> cloudwatch.EventRule:
        """Declare a notice's rule, its runbook, and that the one starts the other."""
        rule = self._declare_rule(notice.name, notice.description, pattern=notice.event_pattern(self._group_names))
        runbook = ssm.Document(
            notice.name,
            name=document_name(self._environment, notice.name),
            document_type="Automation",
            document_format="JSON",
            content=worker.arn.apply(
                lambda role_arn: runbooks.runbook_content(notice, environment=self._environment, role_arn=role_arn)
            ),
            tags=self._args.stack.tags.for_resource(notice.name, role="interruptions"),
            # Nothing starts it before it may do its work and has what it runs.
            opts=self.child_options(depends_on=[*worker.policies, self._args.commands]),
        )
        cloudwatch.EventTarget(
            f"{notice.name}-runbook",
            rule=rule.name,
            target_id="runbook",
            arn=pulumi.Output.all(self._scope, runbook.name).apply(
                lambda known: known[0].regional_arn("ssm", f"automation-definition/{known[1]}:$DEFAULT")
            ),
            role_arn=starter.arn,
            input_transformer={
                "input_paths": {parameter.name: path for parameter, path in notice.event_parameters.items()},
                "input_template": json.dumps(
                    {parameter.name: [f"<{parameter.name}>"] for parameter in notice.event_parameters}
                ),
            },
            retry_policy={
                "maximum_event_age_in_seconds": notice.useful_seconds,
                "maximum_retry_attempts": MAX_DELIVERY_RETRIES,
            },
            opts=self.child_options(depends_on=starter.policies),
        )
        return rule

    def _declare_event_log(self, name: str, rules: Mapping[str, cloudwatch.EventRule]) -> cloudwatch.LogGroup:
        """Declare the log of all events, and what is counted in it."""
        logs = declare_log_group(self, f"{name}-events", stack=self._args.stack, purpose="events", tag="events-logs")
        policy = cloudwatch.LogResourcePolicy(
            f"{name}-events",
            policy_name=f"{PROJECT_NAME}-{self._environment}-events",
            policy_document=pulumi.Output.all(logs.arn, self._scope).apply(
                lambda known: event_log_policy(known[0], known[1])
            ),
            opts=self.child_options(),
        )
        for rule_name, rule in rules.items():
            cloudwatch.EventTarget(
                f"{rule_name}-log",
                rule=rule.name,
                target_id="log",
                arn=logs.arn,
                opts=self.child_options(depends_on=[policy]),
            )
        cloudwatch.LogMetricFilter(
            LAUNCH_FAILURE_RULE,
            name=LAUNCH_FAILURE_RULE,
            log_group_name=logs.name,
            pattern=f'{{ $.detail-type = "{LAUNCH_UNSUCCESSFUL_EVENT}" }}',
            metric_transformation={
                "namespace": CLUSTER_METRICS_NAMESPACE,
                "name": LAUNCH_FAILURES_METRIC,
                "value": "1",
                "unit": "Count",
                "dimensions": {"AutoScalingGroupName": "$.detail.AutoScalingGroupName"},
            },
            opts=self.child_options(),
        )
        return logs


def launch_failure_pattern(groups: Sequence[str]) -> str:
    """Return the pattern of launches in these Auto Scaling groups that failed."""
    return json.dumps(
        {
            "source": ["aws.autoscaling"],
            "detail-type": [LAUNCH_UNSUCCESSFUL_EVENT],
            "detail": runbooks.match_groups(groups),
        }
    )


def runbooks_trust(scope: Scope) -> Statement:
    """Let Automation assume the role, for executions in this account alone.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-setup-iam.html
    """
    executions = scope.regional_arn("ssm", "automation-execution/*")
    return trust_service("ssm.amazonaws.com", *source_conditions(scope.account_id, executions))


def runbooks_grant(scope: Scope) -> tuple[Statement, ...]:
    """Return a runbook's grants: describe and drain this environment's nodes, complete their hooks, count."""
    return (
        describe_instances(),
        *send_commands(scope, [document_name(scope.environment, "drain")]),
        # Systems Manager cannot limit whose commands are seen.
        Statement(
            sid="FollowCommands",
            actions=(
                "ssm:DescribeInstanceInformation",
                "ssm:GetCommandInvocation",
                "ssm:ListCommandInvocations",
                "ssm:ListCommands",
            ),
            resources=(EVERYTHING,),
        ),
        complete_lifecycle_actions(scope),
        put_metrics(CLUSTER_METRICS_NAMESPACE),
    )


def events_trust(scope: Scope) -> Statement:
    """Let EventBridge assume the role, for this environment's rules alone.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    """
    return trust_service("events.amazonaws.com", *source_conditions(scope.account_id, _rule_arns(scope)))


def events_grant(scope: Scope) -> tuple[Statement, ...]:
    """Return EventBridge's grants: start the runbooks and pass them their role.

    A start is checked against the document and the execution that it makes. Until AWS has retired the older
    `automation-definition` ARNs, a caller may meet either:
    https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-setup-identity-based-policies.html
    """
    documents = [document_name(scope.environment, notice.name) for notice in NODE_NOTICES]
    return (
        Statement(
            sid="StartRunbooks",
            actions=("ssm:StartAutomationExecution",),
            resources=(
                *(scope.regional_arn("ssm", f"document/{name}") for name in documents),
                *(scope.regional_arn("ssm", f"automation-definition/{name}:*") for name in documents),
                scope.regional_arn("ssm", "automation-execution/*"),
            ),
        ),
        pass_role(scope.role_arn("runbooks"), service="ssm.amazonaws.com"),
    )


INTERRUPTION_GRANTS: Mapping[str, Callable[[Scope], tuple[Statement, ...]]] = {
    "runbooks": runbooks_grant,
    "events": events_grant,
}
"""Grants of the two roles, by purpose."""


def event_log_policy(log_group_arn: str, scope: Scope) -> str:
    """Let EventBridge write down the events of this environment's rules.

    The condition that names the rules holds for writing alone: making a stream comes without it, as the provider's
    example has it, https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/cloudwatch_event_target
    """
    rules = arn_like("aws:SourceArn", _rule_arns(scope))
    return render_policy(
        *(
            allow_service(f"{sid}For{who}", service, action, resources=(resource,), conditions=conditions)
            for who, service in EVENT_LOG_WRITERS.items()
            for sid, action, resource, conditions in (
                ("MakeStreams", "logs:CreateLogStream", f"{log_group_arn}:*", ()),
                ("WriteEvents", "logs:PutLogEvents", f"{log_group_arn}:*:*", (rules,)),
            )
        )
    )


def _rule_arns(scope: Scope) -> str:
    return scope.named_arn("events", "rule/")
