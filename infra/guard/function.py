"""The cost guard's function, with its package, role, log, and queue of failed events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import lambda_, sqs

from infra.access.bounded_role import declare_bounded_role
from infra.access.role_purposes import GUARD_NAME
from infra.access.statements import source_conditions, trust_service
from infra.component import Component
from infra.guard.grants import guard_grants
from infra.guard.package import write_package
from infra.log_group import declare_log_group
from infra.naming import guard_function_name, guard_queue_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.access.statements import Statement
    from infra.config.guard_steps import GuardStep
    from infra.guard.state import GuardState
    from infra.scope import Scope
    from infra.stack_context import SecuredStack

HANDLER = "guard.handler.handle"
RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
"""20 % cheaper than x86-64; the package has no compiled code: https://aws.amazon.com/lambda/pricing/"""

MEMORY_MIB = 1024
"""Memory determines the share of a vCPU, here 0.58. A run imports boto3 and reads a thousand instances, which is bound
by the CPU: with half the memory it would take twice as long and cost the same."""

TIME_LIMIT = timedelta(minutes=4)
"""Time-out, less than the 5 minutes between runs. A run takes seconds, unless AWS throttles it or it waits until
instances are terminated."""

FAILURE_RETENTION = timedelta(days=14)
"""Retention of events that the function failed to handle: SQS's maximum."""


@dataclass(frozen=True, kw_only=True)
class GuardFunctionArgs:
    """Inputs of the function.

    Attributes:
        stack: The stack.
        boundary_arn: ARN of the permissions boundary of the function's role.
        state: Ledger and agents' mode.
        topic_arn: ARN of the topic that the guard reports to.
        orchestrator_id: ID of the orchestrator's instance.
        daily_usd: Daily budget in US dollars.
        steps: Threshold of each step, in percent of the budget.
        stops_orchestrator: Whether the guard may stop the orchestrator.
        dry_run: Whether the guard only reports what it would do.
    """

    stack: SecuredStack
    boundary_arn: pulumi.Output[str]
    state: GuardState
    topic_arn: pulumi.Output[str]
    orchestrator_id: pulumi.Output[str]
    daily_usd: int
    steps: Mapping[GuardStep, int]
    stops_orchestrator: bool
    dry_run: bool


class GuardFunction(Component):
    """A Lambda function with a concurrency of one.

    Attributes:
        arn: ARN of the function.
        function_name: Name of the function.
        log_group: Name of its log group.
        queue_url: URL of the queue of events that it failed to handle.
    """

    arn: pulumi.Output[str]
    function_name: pulumi.Output[str]
    log_group: pulumi.Output[str]
    queue_url: pulumi.Output[str]

    def __init__(self, name: str, *, args: GuardFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the function."""
        super().__init__(name, opts=opts)
        stack = args.stack
        logs = declare_log_group(self, GUARD_NAME, stack=stack, purpose=GUARD_NAME, tag="guard-logs")
        queue = sqs.Queue(
            "guard-failures",
            name=guard_queue_name(stack.environment),
            message_retention_seconds=int(FAILURE_RETENTION.total_seconds()),
            tags=stack.tags.for_resource("guard-failures", role="guard"),
            opts=self.child_options(),
        )
        role = declare_bounded_role(
            self,
            GUARD_NAME,
            stack=replace(stack, boundary_arn=args.boundary_arn),
            description="The cost guard: sees what runs, stops this environment's nodes over the day's budget",
            tag_role="guard",
            trust=stack.secured_scope.apply(_trust_lambda),
            grants={GUARD_NAME: stack.secured_scope.apply(guard_grants)},
        )
        function = lambda_.Function(
            GUARD_NAME,
            name=guard_function_name(stack.environment),
            description="Meters what the environment spends, and acts before the day's budget is exceeded",
            role=role.arn,
            runtime=RUNTIME,
            architectures=[ARCHITECTURE],
            handler=HANDLER,
            code=pulumi.FileArchive(str(write_package())),
            memory_size=MEMORY_MIB,
            timeout=int(TIME_LIMIT.total_seconds()),
            # AWS refuses this if the account's quota leaves too little concurrency for others (docs/cost-guard.md).
            reserved_concurrent_executions=1,
            environment={"variables": function_variables(args)},
            dead_letter_config={"target_arn": queue.arn},
            logging_config={"log_format": "Text", "log_group": logs.name},
            tags=stack.tags.for_resource(GUARD_NAME, role="guard"),
            opts=self.child_options(depends_on=role.policies),
        )
        self.arn = function.arn
        self.function_name = function.name
        self.log_group = logs.name
        self.queue_url = queue.url
        self.register_declared_outputs()


def _trust_lambda(scope: Scope) -> Statement:
    """Return the trust in Lambda on behalf of this function only.

    https://docs.aws.amazon.com/lambda/latest/dg/permissions-managed-policies.html
    """
    function = scope.regional_arn("lambda", f"function:{guard_function_name(scope.environment)}")
    return trust_service("lambda.amazonaws.com", *source_conditions(scope.account_id, function))


def function_variables(args: GuardFunctionArgs) -> dict[str, pulumi.Input[str]]:
    """Return the environment variables that the guard's code reads."""
    ladder: list[tuple[str, int]] = [*args.steps.items(), ("mayStopOrchestrator", args.stops_orchestrator)]
    return {
        "CFS_AGENT_MODE_PARAMETER": args.state.agents_mode_parameter,
        "CFS_ALERT_TOPIC_ARN": args.topic_arn,
        "CFS_DAILY_BUDGET_USD": str(args.daily_usd),
        "CFS_DRY_RUN": str(args.dry_run).lower(),
        "CFS_ENVIRONMENT": args.stack.environment,
        "CFS_GUARD_LADDER": json.dumps(dict(ladder), separators=(",", ":")),
        "CFS_LEDGER_TABLE": args.state.table_name,
        "CFS_ORCHESTRATOR_ID": args.orchestrator_id,
        "CFS_PROJECT": PROJECT_NAME,
    }
