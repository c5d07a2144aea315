"""The stack on an account that is as slow, as limited and as faulty as AWS."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from local.aws.conditions import CONDITIONS_PATH, Conditions
from local.operations import deploy_local_stack, set_conditions
from tests.e2e.nodes import describe_group

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

QUOTAS = {"L-1216C47A": 64, "L-34B43A08": 256}
"""Approved requests: vCPUs on demand, and spot."""


def pass_seconds(stack: Stack, seconds: float) -> None:
    """Move the account's clock."""
    stack.account_time(stack.account_time() + timedelta(seconds=seconds))


def resize(stack: Stack, count: int) -> None:
    stack.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName="claudefs-local-storage-a", DesiredCapacity=count
    )


def lifecycle_states(stack: Stack) -> list[str]:
    return [node["LifecycleState"] for node in describe_group(stack, "storage-a")["Instances"]]


def test_a_first_deployment_converges_despite_delays_and_faults(empty_stack: Stack) -> None:
    for code, value in QUOTAS.items():
        empty_stack.client("service-quotas").request_service_quota_increase(
            ServiceCode="ec2", QuotaCode=code, DesiredValue=value
        )

    deploy_local_stack(empty_stack.engine, as_on_aws=True)

    met = empty_stack.control_account(CONDITIONS_PATH)
    assert met["delays"]
    assert set(met["faults"]) == {"throttled", "failed", "lost"}
    set_conditions(empty_stack.engine.account.aws_url, Conditions())
    assert empty_stack.changes("--refresh") == {}


def test_a_node_boots_before_it_is_in_service_and_is_drained_before_it_goes(stack: Stack) -> None:
    stack.control_account(CONDITIONS_PATH, {"delays": True})

    resize(stack, 1)
    seen = [*lifecycle_states(stack)]
    pass_seconds(stack, 200)
    seen += lifecycle_states(stack)
    resize(stack, 0)
    seen += lifecycle_states(stack)
    pass_seconds(stack, 10)

    assert seen == ["Pending:Wait", "InService", "Terminating:Wait"]
    assert lifecycle_states(stack) == []
    [runbook] = stack.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    assert (runbook["DocumentName"], runbook["AutomationExecutionStatus"]) == ("claudefs-local-termination", "Success")
    ended = stack.client("ssm").get_automation_execution(AutomationExecutionId=runbook["AutomationExecutionId"])
    statuses = {step["StepName"]: step["StepStatus"] for step in ended["AutomationExecution"]["StepExecutions"]}
    assert statuses["release"] == "Success"
