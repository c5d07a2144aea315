"""Handling of nodes that are about to terminate: event rules, runbooks and the event log."""

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
from infra.log_group import declare_event_count, declare_log_group
from infra.naming import EVENT_RULE, document_name, physical_name, scaling_group_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.cluster.runbooks import NodeNotice
    from infra.config.node_groups import NodeGroup
    from infra.scope import Scope
    from infra.stack_context import SecuredStack

LAUNCH_FAILURE_RULE = "launch-failure"
"""Rule for failed launches of a group's instances, which mostly fail for lack of spot capacity."""

LAUNCH_FAILURES_METRIC = "LaunchFailures"
"""Metric that counts failed launches, with the dimension `AutoScalingGroupName`."""

LAUNCH_UNSUCCESSFUL_EVENT = "EC2 Instance Launch Unsuccessful"
"""Auto Scaling's detail type for failed launches."""

_ABANDONED = '$.detail.StatusMessage = "*was abandoned*"'

LAUNCH_FAILURE_PATTERNS: Mapping[str, str] = {
    "RefusedLaunches": f'{{ $.detail-type = "{LAUNCH_UNSUCCESSFUL_EVENT}" && {_ABANDONED.replace("=", "!=")} }}',
    "AbandonedLaunches": f'{{ $.detail-type = "{LAUNCH_UNSUCCESSFUL_EVENT}" && {_ABANDONED} }}',
}
"""Filter patterns of failed launches by metric: EC2 did not launch the instance, mostly for lack of spot capacity, or
the launch hook was abandoned because the boot failed. Auto Scaling's message for the latter:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html"""

EVENT_LOG_WRITERS = {"EventBridge": "events.amazonaws.com", "LogDelivery": "delivery.logs.amazonaws.com"}
"""Services that deliver EventBridge events to CloudWatch Logs:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions"""

MAX_DELIVERY_RETRIES = 185
"""EventBridge's default; the maximum event age ends the retries earlier."""


@dataclass(frozen=True, kw_only=True)
class InterruptionsArgs:
    """Inputs of the rules and runbooks.

    Attributes:
        stack: The stack.
        groups: The environment's node groups.
        commands: The Command documents; the runbooks run one of them.
    """

    stack: SecuredStack
    groups: Sequence[NodeGroup]
    commands: pulumi.Resource


class Interruptions(Component):
    """A rule and a runbook for each event that announces a node's termination, and a log of these events.

    Attributes:
        log_group: Name of the log group for the events.
    """

    log_group: pulumi.Output[str]

    def __init__(self, name: str, *, args: InterruptionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the rules, targets, runbooks, roles and the log."""
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
        """Declare the role that runbooks assume and the role that EventBridge assumes to start them."""
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
        """Declare a notice's rule and runbook, and make the runbook the rule's target."""
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
            # The runbook must not start before its role's policies and the document that it runs exist.
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
        """Declare the log of all events, and its metric filter for failed launches."""
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
        for metric, pattern in LAUNCH_FAILURE_PATTERNS.items():
            declare_event_count(self, metric, stack=self._args.stack, logs=logs, pattern=pattern)
        return logs


def launch_failure_pattern(groups: Sequence[str]) -> str:
    """Return the event pattern for failed launches in these Auto Scaling groups."""
    return json.dumps(
        {
            "source": ["aws.autoscaling"],
            "detail-type": [LAUNCH_UNSUCCESSFUL_EVENT],
            "detail": runbooks.match_groups(groups),
        }
    )


def runbooks_trust(scope: Scope) -> Statement:
    """Return a trust statement that lets Automation assume the role, only for executions in this account and region.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-setup-iam.html
    """
    executions = scope.regional_arn("ssm", "automation-execution/*")
    return trust_service("ssm.amazonaws.com", *source_conditions(scope.account_id, executions))


def runbooks_grant(scope: Scope) -> tuple[Statement, ...]:
    """Return a runbook's grants: describe and drain nodes, complete their lifecycle actions, put metrics."""
    return (
        describe_instances(),
        *send_commands(scope, [document_name(scope.environment, "drain")]),
        # Systems Manager cannot restrict these actions to the environment's commands.
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
    """Return a trust statement that lets EventBridge assume the role, only for this environment's rules.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    """
    return trust_service("events.amazonaws.com", *source_conditions(scope.account_id, _rule_arns(scope)))


def events_grant(scope: Scope) -> tuple[Statement, ...]:
    """Return EventBridge's grants: start the runbooks and pass them their role.

    AWS checks StartAutomationExecution against the document and the execution. Until AWS has retired the older
    `automation-definition` ARNs, it may check either form of the document's ARN:
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
"""Grants of the two roles, by the role's purpose."""


def event_log_policy(log_group_arn: str, scope: Scope) -> str:
    """Return the resource policy that lets EventBridge log the events of this environment's rules.

    Only PutLogEvents carries the condition on the rules; CreateLogStream does not, as in the provider's example:
    https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/cloudwatch_event_target
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
