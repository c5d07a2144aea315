"""Nodes of a group wait for the answers to its lifecycle hooks, and only for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.aws.conditions import ACCOUNT_CONDITIONS, Conditions
from local.aws.gaps.delays import LAUNCH_SECONDS
from tests.conftest import IMAGE
from tests.mocked_clients import mocked_client

if TYPE_CHECKING:
    from tests.unit.local.aws.conftest import StoppedClock

GROUP = "nodes"
LAUNCH_HOOK_SECONDS, TERMINATION_HOOK_SECONDS = 1200, 300


def create_group(*, hooks: bool = True) -> Any:
    ec2, autoscaling = mocked_client("ec2"), mocked_client("autoscaling")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    data: Any = {"ImageId": IMAGE, "InstanceType": "t3.micro"}
    ec2.create_launch_template(LaunchTemplateName=GROUP, LaunchTemplateData=data)
    named: Any = {"LaunchTemplateName": GROUP, "Version": "1"}
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        MinSize=0,
        MaxSize=3,
        VPCZoneIdentifier=subnet,
        MixedInstancesPolicy={"LaunchTemplate": {"LaunchTemplateSpecification": named, "Overrides": []}},
    )
    for name, kind, seconds, result in (
        ("boot", "LAUNCHING", LAUNCH_HOOK_SECONDS, "ABANDON"),
        ("drain", "TERMINATING", TERMINATION_HOOK_SECONDS, "CONTINUE"),
    ):
        if hooks:
            autoscaling.put_lifecycle_hook(
                AutoScalingGroupName=GROUP,
                LifecycleHookName=name,
                LifecycleTransition=f"autoscaling:EC2_INSTANCE_{kind}",
                HeartbeatTimeout=seconds,
                DefaultResult=result,
            )
    return autoscaling


def resize(count: int) -> None:
    mocked_client("autoscaling").set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=count)


def nodes() -> dict[str, str]:
    [group] = mocked_client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {of["InstanceId"]: of["LifecycleState"] for of in group["Instances"]}


def answer(hook: str, instance: str, result: str = "CONTINUE") -> None:
    mocked_client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=GROUP, LifecycleHookName=hook, InstanceId=instance, LifecycleActionResult=result
    )


def activities() -> list[tuple[str, str]]:
    found = mocked_client("autoscaling").describe_scaling_activities(AutoScalingGroupName=GROUP)["Activities"]
    return [(of["StatusCode"], of.get("StatusMessage", "").partition(": ")[2]) for of in found]


@pytest.mark.usefixtures("slow_account")
def test_a_launched_node_waits_until_its_hook_is_answered() -> None:
    create_group()
    resize(1)
    [(node, state)] = nodes().items()
    assert (state, activities()) == ("Pending:Wait", [("PreInService", "")])
    answer("boot", node)
    assert (nodes(), activities()) == ({node: "InService"}, [("Successful", "")])


@pytest.mark.usefixtures("slow_account")
def test_a_node_that_waits_is_not_launched_a_second_time() -> None:
    create_group()
    resize(1)
    before = nodes()
    resize(1)
    assert nodes() == before


@pytest.mark.usefixtures("slow_account")
def test_an_abandoned_node_is_replaced() -> None:
    create_group()
    resize(1)
    [node] = nodes()
    answer("boot", node, "ABANDON")
    [(replacement, state)] = nodes().items()
    assert (replacement != node, state) == (True, "Pending:Wait")
    assert ("Cancelled", "Lifecycle Action Completed with ABANDON Result") in activities()


def test_a_launch_hook_without_an_answer_abandons_the_node(slow_account: StoppedClock) -> None:
    create_group()
    resize(1)
    [node] = nodes()
    slow_account.pass_seconds(LAUNCH_HOOK_SECONDS - 1)
    assert nodes() == {node: "Pending:Wait"}
    slow_account.pass_seconds(1)
    assert node not in nodes()
    assert ("Cancelled", "Heartbeat Timeout") in activities()


def test_a_node_that_its_group_does_not_need_waits_and_then_goes(slow_account: StoppedClock) -> None:
    create_group()
    resize(2)
    for node in nodes():
        answer("boot", node)
    resize(1)
    [leaving] = [node for node, state in nodes().items() if state == "Terminating:Wait"]
    resize(1)
    assert sorted(nodes().values()) == ["InService", "Terminating:Wait"]
    slow_account.pass_seconds(TERMINATION_HOOK_SECONDS)
    assert [*nodes().values()] == ["InService"]
    assert leaving not in nodes()


@pytest.mark.usefixtures("slow_account")
def test_a_node_that_is_terminated_in_its_group_waits_while_its_replacement_starts() -> None:
    autoscaling = create_group()
    resize(1)
    [node] = nodes()
    answer("boot", node)
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=node, ShouldDecrementDesiredCapacity=False)
    assert nodes().pop(node) == "Terminating:Wait"
    assert sorted(nodes().values()) == ["Pending:Wait", "Terminating:Wait"]
    answer("drain", node)
    assert [*nodes().values()] == ["Pending:Wait"]


def test_without_hooks_a_node_is_in_service_when_it_runs(slow_account: StoppedClock) -> None:
    create_group(hooks=False)
    resize(1)
    assert [*nodes().values()] == ["Pending"]
    slow_account.pass_seconds(LAUNCH_SECONDS)
    assert [*nodes().values()] == ["InService"]


@pytest.mark.usefixtures("slow_account")
@pytest.mark.parametrize("conditions", [Conditions(delays=True), Conditions()])
def test_an_answer_that_nobody_waits_for_is_refused(conditions: Conditions) -> None:
    ACCOUNT_CONDITIONS.switch(conditions)
    create_group()
    resize(1)
    [node] = nodes()
    if conditions.delays:
        answer("boot", node)
    with pytest.raises(ClientError, match="No active Lifecycle Action found with instance ID"):
        answer("boot", node)
    assert nodes() == {node: "InService"}
