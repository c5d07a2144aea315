"""Nodes that go: who hears of it, what is done, and where it is written down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import cloudwatch, iam, ssm

from infra.access import policies
from infra.access.policies import Condition, Principal, Scope, Statement, render_policy
from infra.cluster import runbooks
from infra.cluster.runbooks import CLUSTER_METRICS_NAMESPACE, NODE_NOTICES
from infra.component import Component
from infra.naming import EVENT_RULE, IAM_ROLE, LOG_GROUP, LOG_GROUP_PREFIX, document_name, physical_name
from infra.tags import PROJECT_NAME
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.cluster.runbooks import NodeNotice
    from infra.tags import Tags

LAUNCH_FAILURE_RULE = "launch-failure"
"""The rule for instances that a group wanted and did not get, most often for want of spot capacity."""

LAUNCH_FAILURES_METRIC = "LaunchFailures"
"""Their metric, by the dimension `AutoScalingGroupName`."""

LAUNCH_UNSUCCESSFUL_EVENT = "EC2 Instance Launch Unsuccessful"
"""What Auto Scaling calls them."""

EVENT_LOG_WRITERS = {"EventBridge": "events.amazonaws.com", "LogDelivery": "delivery.logs.amazonaws.com"}
"""Whom CloudWatch Logs takes events of EventBridge from:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions"""

MAX_DELIVERY_RETRIES = 185
"""As often as EventBridge tries by default; the event's age ends it before."""


@dataclass(frozen=True, kw_only=True)
class InterruptionsArgs:
    """What the rules and runbooks are made from.

    Attributes:
        account_id: The AWS account.
        region: Its region.
        group_names: Names of the environment's Auto Scaling groups.
        commands: The Command documents, of which the runbooks run one.
        key_arn: The KMS key that encrypts the log of events.
        log_retention_days: How long the log is kept, in days.
        boundary_arn: The policy that says the most that the roles can be allowed.
        tags: The stack's tags.
    """

    account_id: pulumi.Output[str]
    region: str
    group_names: Sequence[str]
    commands: pulumi.Resource
    key_arn: pulumi.Output[str]
    log_retention_days: int
    boundary_arn: pulumi.Output[str]
    tags: Tags


@dataclass(frozen=True, kw_only=True)
class RoleWithPolicy:
    """A role, and the policy that whoever uses the role waits for.

    Attributes:
        arn: The role.
        policy: Its rights.
    """

    arn: pulumi.Output[str]
    policy: iam.RolePolicy


class Interruptions(Component):
    """A rule, a runbook and a line in the log for each event that tells of a node's end.

    Attributes:
        log_group: Where the events are written down.
        runbooks: Names of the runbooks.
    """

    log_group: pulumi.Output[str]
    runbooks: list[pulumi.Output[str]]

    def __init__(self, name: str, *, args: InterruptionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare rules, targets, runbooks, their roles and the log."""
        super().__init__(name, opts=opts)
        self._args = args
        self._environment = args.tags.environment
        self._scope = args.account_id.apply(
            lambda account_id: Scope(account_id=account_id, region=args.region, environment=args.tags.environment)
        )
        worker, starter = self._declare_roles()
        rules = {notice.name: self._declare_notice(notice, worker=worker, starter=starter) for notice in NODE_NOTICES}
        rules[LAUNCH_FAILURE_RULE] = self._declare_rule(
            LAUNCH_FAILURE_RULE,
            "a group wanted a node and did not get it",
            pattern=launch_failure_pattern(args.group_names),
        )
        logs = self._declare_event_log(name, rules)
        self.log_group = logs.name
        self.runbooks = [
            pulumi.Output.from_input(document_name(self._environment, notice.name)) for notice in NODE_NOTICES
        ]
        self.register_outputs({"logGroup": self.log_group, "runbooks": self.runbooks})

    def _declare_roles(self) -> tuple[RoleWithPolicy, RoleWithPolicy]:
        """Declare the role that runbooks work under and the one that EventBridge starts them under."""
        worker = self._declare_role(
            "runbooks",
            "ClaudeFS's runbooks: drain this environment's nodes and let them go",
            trust=self._scope.apply(runbooks_trust),
            policy=self._scope.apply(runbooks_policy),
        )
        starter = self._declare_role(
            "events",
            "EventBridge: starts ClaudeFS's runbooks for this environment",
            trust=self._scope.apply(events_trust),
            policy=self._scope.apply(events_policy),
        )
        return worker, starter

    def _declare_role(
        self, purpose: str, description: str, *, trust: pulumi.Output[str], policy: pulumi.Output[str]
    ) -> RoleWithPolicy:
        role = iam.Role(
            purpose,
            name=interruption_role_name(self._environment, purpose),
            description=check_text(IAM_DESCRIPTION, description),
            assume_role_policy=trust,
            permissions_boundary=self._args.boundary_arn,
            tags=self._args.tags.for_resource(f"{purpose}-role", role="interruptions"),
            opts=self.child_options(),
        )
        grant = iam.RolePolicy(purpose, name=purpose, role=role.name, policy=policy, opts=self.child_options())
        return RoleWithPolicy(arn=role.arn, policy=grant)

    def _declare_rule(self, name: str, description: str, *, pattern: str) -> cloudwatch.EventRule:
        return cloudwatch.EventRule(
            name,
            name=physical_name(EVENT_RULE, PROJECT_NAME, self._environment, name),
            description=description,
            event_pattern=pattern,
            tags=self._args.tags.for_resource(name, role="interruptions"),
            opts=self.child_options(),
        )

    def _declare_notice(
        self, notice: NodeNotice, *, worker: RoleWithPolicy, starter: RoleWithPolicy
    ) -> cloudwatch.EventRule:
        """Declare a notice's rule, its runbook, and that the one starts the other."""
        rule = self._declare_rule(notice.name, notice.description, pattern=notice.event_pattern(self._args.group_names))
        runbook = ssm.Document(
            notice.name,
            name=document_name(self._environment, notice.name),
            document_type="Automation",
            document_format="JSON",
            content=worker.arn.apply(
                lambda role_arn: runbooks.runbook_content(notice, environment=self._environment, role_arn=role_arn)
            ),
            tags=self._args.tags.for_resource(notice.name, role="interruptions"),
            # Nothing starts it before it may do its work and has what it runs.
            opts=self.child_options(depends_on=[worker.policy, self._args.commands]),
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
            opts=self.child_options(depends_on=[starter.policy]),
        )
        return rule

    def _declare_event_log(self, name: str, rules: Mapping[str, cloudwatch.EventRule]) -> cloudwatch.LogGroup:
        """Declare the log of all events, and what is counted in it."""
        logs = cloudwatch.LogGroup(
            f"{name}-events",
            name=physical_name(LOG_GROUP, f"{LOG_GROUP_PREFIX}/{self._environment}/events"),
            retention_in_days=self._args.log_retention_days,
            kms_key_id=self._args.key_arn,
            tags=self._args.tags.for_resource("events-logs", role="logs"),
            opts=self.child_options(),
        )
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


def interruption_role_name(environment: str, purpose: str) -> str:
    """Name one of the two roles."""
    return physical_name(IAM_ROLE, PROJECT_NAME, environment, purpose)


def launch_failure_pattern(groups: Sequence[str]) -> str:
    """Give the pattern of launches in these Auto Scaling groups that failed."""
    return json.dumps(
        {
            "source": ["aws.autoscaling"],
            "detail-type": [LAUNCH_UNSUCCESSFUL_EVENT],
            "detail": runbooks.match_groups(groups),
        }
    )


def runbooks_trust(scope: Scope) -> str:
    """Let Automation assume the role, for executions in this account alone.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-setup-iam.html
    """
    executions = scope.regional_arn("ssm", "automation-execution/*")
    return render_policy(
        policies.trust_service("ssm.amazonaws.com", *policies.source_conditions(scope.account_id, executions))
    )


def runbooks_policy(scope: Scope) -> str:
    """Give the policy of the role that runbooks work under."""
    return render_policy(*runbooks_grant(scope))


def runbooks_grant(scope: Scope) -> tuple[Statement, ...]:
    """Say what a runbook may do: look, drain this environment's nodes, let them go, count."""
    return (
        policies.describe_instances(),
        *policies.send_commands(scope, [document_name(scope.environment, "drain")]),
        policies.read_command_results(),
        policies.complete_lifecycle_actions(scope),
        policies.put_metrics(CLUSTER_METRICS_NAMESPACE),
    )


def events_trust(scope: Scope) -> str:
    """Let EventBridge assume the role, for this environment's rules alone.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    """
    return render_policy(
        policies.trust_service("events.amazonaws.com", *policies.source_conditions(scope.account_id, _rule_arns(scope)))
    )


def events_policy(scope: Scope) -> str:
    """Give the policy of the role that EventBridge starts runbooks under."""
    return render_policy(*events_grant(scope))


def events_grant(scope: Scope) -> tuple[Statement, ...]:
    """Say what EventBridge may do: start the runbooks and give them the role that they work under."""
    return (
        policies.start_runbooks(scope, [document_name(scope.environment, notice.name) for notice in NODE_NOTICES]),
        policies.pass_role(
            f"arn:aws:iam::{scope.account_id}:role/{interruption_role_name(scope.environment, 'runbooks')}",
            service="ssm.amazonaws.com",
        ),
    )


INTERRUPTION_GRANTS: Mapping[str, Callable[[Scope], tuple[Statement, ...]]] = {
    "runbooks": runbooks_grant,
    "events": events_grant,
}
"""What the two roles may do, by their purpose."""


def event_log_policy(log_group_arn: str, scope: Scope) -> str:
    """Let EventBridge write down the events of this environment's rules.

    The condition that names the rules holds for writing alone: making a stream comes without it, as the provider's
    example has it, https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/cloudwatch_event_target
    """
    rules = Condition(operator="ArnLike", key="aws:SourceArn", values=(_rule_arns(scope),))
    return render_policy(
        *(
            Statement(
                sid=f"{sid}For{who}",
                actions=(action,),
                resources=(resource,),
                conditions=conditions,
                principal=Principal(kind="Service", value=service),
            )
            for who, service in EVENT_LOG_WRITERS.items()
            for sid, action, resource, conditions in (
                ("MakeStreams", "logs:CreateLogStream", f"{log_group_arn}:*", ()),
                ("WriteEvents", "logs:PutLogEvents", f"{log_group_arn}:*:*", (rules,)),
            )
        )
    )


def _rule_arns(scope: Scope) -> str:
    return scope.regional_arn("events", f"rule/{PROJECT_NAME}-{scope.environment}-*")
