"""Runbooks for nodes that are about to be terminated: one SSM Automation document per event.

Events of EC2 bear an instance's id and nothing else, so every environment of an account sees all of them. Each
runbook's first step is therefore to look at the instance's tags, and it leaves alone what is not its environment's.
For the same reason it is the runbook that counts, and no filter on the events' log: that would count the others' too.

https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infra.cluster.documents import DocumentParameter
from infra.cluster.lifecycle import DRAIN_HOOK
from infra.cluster.node_commands import DRAIN_REASON_PARAMETER, DRAIN_SECONDS
from infra.naming import document_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CLUSTER_METRICS_NAMESPACE = "CFS/Cluster"
"""Metric namespace of interruptions, with the dimension `Environment`."""

RunbookMetric = Literal["SpotInterruptions", "RebalanceRecommendations", "Terminations", "DrainCommandsFailed"]
"""What runbooks count. A drain's command also fails where the node does not answer; `DrainFailed` is counted by a node
itself, where its services did not stop in time."""

SEND_COMMAND_SECONDS = 30
"""Time in which Run Command tries to reach a node, its minimum: a node that does not answer cannot drain.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"""

API_CALL_SECONDS = 30
"""Time-out of one call of an AWS service."""

INSTANCE_PARAMETER = DocumentParameter(
    name="InstanceId",
    description="the node that goes",
    pattern="^i-[0-9a-f]{8,17}$",
    example="i-0123456789abcdef0",
)
GROUP_PARAMETER = DocumentParameter(
    name="AutoScalingGroupName",
    description="the group that waits for the drain",
    pattern="^[a-z0-9-]{1,255}$",
    example="claudefs-prod-storage-a",
)


@dataclass(frozen=True, kw_only=True)
class NodeNotice:
    """An event that announces a node's end, and the response to it.

    Attributes:
        name: Its name: of the rule, of the runbook, and the reason that the node is told.
        description: What it means.
        source: The service that it comes from.
        detail_type: What it is called there.
        instance_path: The instance's place in the event, as a JSON path.
        group_path: The Auto Scaling group's place in the event of a lifecycle hook; "" where no hook waits.
        drains: Whether the node is drained.
        metric: What it is counted as.
        useful_seconds: How long an answer is of use: an event that could not be delivered by then is dropped.
    """

    name: str
    description: str
    source: str
    detail_type: str
    instance_path: str
    group_path: str = ""
    drains: bool = True
    metric: RunbookMetric
    useful_seconds: int

    @property
    def event_parameters(self) -> Mapping[DocumentParameter, str]:
        """Parameters of the runbook, and the path of each in the event."""
        return {
            INSTANCE_PARAMETER: self.instance_path,
            **({GROUP_PARAMETER: self.group_path} if self.group_path else {}),
        }

    def event_pattern(self, groups: Sequence[str]) -> str:
        """Return the pattern of the events that it stands for.

        Args:
            groups: Names of the environment's Auto Scaling groups.
        """
        events = {"source": [self.source], "detail-type": [self.detail_type]}
        detail = {**match_groups(groups), "LifecycleHookName": [DRAIN_HOOK]}
        return json.dumps({**events, "detail": detail} if self.group_path else events)


NODE_NOTICES = (
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
    NodeNotice(
        name="spot-interruption",
        description="EC2 takes a spot instance back in two minutes",
        source="aws.ec2",
        detail_type="EC2 Spot Instance Interruption Warning",
        instance_path="$.detail.instance-id",
        metric="SpotInterruptions",
        useful_seconds=120,
    ),
    # It is a guess, and often comes to nothing: a node of a quorum is not given up for it.
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
    NodeNotice(
        name="rebalance-recommendation",
        description="EC2 thinks that it may soon take a spot instance back",
        source="aws.ec2",
        detail_type="EC2 Instance Rebalance Recommendation",
        instance_path="$.detail.instance-id",
        drains=False,
        metric="RebalanceRecommendations",
        useful_seconds=3600,
    ),
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
    NodeNotice(
        name="termination",
        description="a group terminates a node, which waits to be drained",
        source="aws.autoscaling",
        detail_type="EC2 Instance-terminate Lifecycle Action",
        instance_path="$.detail.EC2InstanceId",
        group_path="$.detail.AutoScalingGroupName",
        metric="Terminations",
        useful_seconds=300,
    ),
)
"""The events that are answered."""


def match_groups(groups: Sequence[str]) -> dict[str, object]:
    """Choose the events of Auto Scaling groups in a pattern, by their whole names.

    What a name begins with would not do: the groups of an environment `dev-eu` begin like those of `dev`.

    Args:
        groups: Their names. None match no event: EventBridge refuses an empty list.
    """
    return {"AutoScalingGroupName": [*groups] or [{"exists": False}]}


@dataclass(frozen=True, kw_only=True)
class RunbookStep:
    """One action of a runbook.

    Attributes:
        name: Its name in the document.
        action: What Automation does.
        inputs: What it does it with.
        timeout_seconds: When it counts as failed.
        next_step: The step after it, or "" for the one that is written next.
        on_failure: The step after it where it failed, or "" for the one that is written next.
        is_critical: Whether the runbook counts as failed where the step does.
        is_last: Whether the runbook ends with it.
    """

    name: str
    action: str
    inputs: Mapping[str, object]
    timeout_seconds: int = API_CALL_SECONDS
    next_step: str = ""
    on_failure: str = ""
    is_critical: bool = True
    is_last: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the step as a document has it."""
        return {
            "name": self.name,
            "action": self.action,
            "timeoutSeconds": self.timeout_seconds,
            "onFailure": f"step:{self.on_failure}" if self.on_failure else "Continue",
            "isCritical": self.is_critical,
            "inputs": dict(self.inputs),
            **({"nextStep": self.next_step} if self.next_step else {}),
            **({"isEnd": True} if self.is_last else {}),
        }


def runbook_content(notice: NodeNotice, *, environment: str, role_arn: str) -> str:
    """Return the runbook of a notice, by schema 0.3.

    Args:
        notice: What is answered.
        environment: The environment whose nodes it may touch.
        role_arn: The role that the steps run under.
    """
    return json.dumps(
        {
            "schemaVersion": "0.3",
            "description": f"ClaudeFS, {environment}: {notice.description}",
            "assumeRole": role_arn,
            "parameters": {parameter.name: parameter.to_json() for parameter in notice.event_parameters},
            "mainSteps": [step.to_json() for step in runbook_steps(notice, environment)],
        },
        indent=2,
    )


def runbook_steps(notice: NodeNotice, environment: str) -> Iterator[RunbookStep]:
    """Return the steps: whose node it is, the drain, the group that waits, the count, and the end for others' nodes.

    A drain that fails is counted and holds nobody up: the node goes, drained or not.
    """
    yield _assert_instance_step(
        "belongs",
        {"tag:project": PROJECT_NAME, "tag:Environment": environment},
        otherwise="leave",
    )
    if notice.group_path:
        # A spot instance that is gone already, or is known to Run Command no more, is not waited for.
        yield _assert_instance_step("runs", {"instance-state-name": "running"}, otherwise="release")
    if notice.drains:
        yield _drain_step(notice, environment)
        yield _count_step("countFailure", "DrainCommandsFailed", environment)
    if notice.group_path:
        yield RunbookStep(
            name="release",
            action="aws:executeAwsApi",
            inputs={
                "Service": "autoscaling",
                "Api": "CompleteLifecycleAction",
                "AutoScalingGroupName": GROUP_PARAMETER.parameter_reference,
                "InstanceId": INSTANCE_PARAMETER.parameter_reference,
                "LifecycleHookName": DRAIN_HOOK,
                "LifecycleActionResult": "CONTINUE",
            },
        )
    yield _count_step("count", notice.metric, environment, is_last=True)
    # Automation can go to a step where another failed, but not to the end.
    yield RunbookStep(name="leave", action="aws:sleep", inputs={"Duration": "PT1S"}, is_last=True)


def _assert_instance_step(name: str, filters: Mapping[str, str], *, otherwise: str) -> RunbookStep:
    """Ask whether the instance is of a kind; that it is not is no failure of the runbook."""
    return RunbookStep(
        name=name,
        action="aws:assertAwsResourceProperty",
        inputs={
            "Service": "ec2",
            "Api": "DescribeInstances",
            # As a filter, for an id that EC2 does not know would be an error as a parameter.
            "Filters": [
                {"Name": key, "Values": [value]}
                for key, value in {"instance-id": INSTANCE_PARAMETER.parameter_reference, **filters}.items()
            ],
            "PropertySelector": "$.Reservations[0].Instances[0].InstanceId",
            "DesiredValues": [INSTANCE_PARAMETER.parameter_reference],
        },
        on_failure=otherwise,
        is_critical=False,
    )


def _drain_step(notice: NodeNotice, environment: str) -> RunbookStep:
    return RunbookStep(
        name="drain",
        action="aws:runCommand",
        inputs={
            "DocumentName": document_name(environment, "drain"),
            "InstanceIds": [INSTANCE_PARAMETER.parameter_reference],
            "Parameters": {DRAIN_REASON_PARAMETER.name: [notice.name]},
            "TimeoutSeconds": SEND_COMMAND_SECONDS,
        },
        timeout_seconds=SEND_COMMAND_SECONDS + DRAIN_SECONDS,
        next_step="release" if notice.group_path else "count",
        on_failure="countFailure",
    )


def _count_step(name: str, metric: RunbookMetric, environment: str, *, is_last: bool = False) -> RunbookStep:
    return RunbookStep(
        name=name,
        action="aws:executeAwsApi",
        inputs={
            "Service": "cloudwatch",
            "Api": "PutMetricData",
            "Namespace": CLUSTER_METRICS_NAMESPACE,
            "MetricData": [
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "Environment", "Value": environment}],
                    "Value": 1,
                    "Unit": "Count",
                }
            ],
        },
        is_last=is_last,
    )
