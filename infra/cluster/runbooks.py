"""Runbooks for nodes that are about to be terminated: one SSM Automation document per event.

EC2's events contain only the instance ID, so every environment of an account receives all of them. Each runbook
therefore checks the instance's tags first and ignores instances of other environments. For the same reason the
runbook puts the metric: a metric filter on the event log would count the other environments' events too.

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
"""Namespace of the metrics; runbooks use the dimension `Environment`."""

RunbookMetric = Literal["SpotInterruptions", "RebalanceRecommendations", "Terminations", "DrainCommandsFailed"]
"""Metrics that runbooks put. `DrainCommandsFailed` includes nodes that do not respond. A node itself puts
`DrainFailed` if its services did not stop in time."""

SEND_COMMAND_SECONDS = 30
"""Delivery time-out of Run Command, in seconds; the minimum, since a node that does not respond cannot be drained.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"""

API_CALL_SECONDS = 30
"""Time-out of a step that calls an AWS API, in seconds."""

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
    """An event that announces a node's termination, and the response to it.

    Attributes:
        name: Name of the rule and the runbook, and the reason passed to the node.
        description: Description of the rule and the runbook.
        source: The event's `source`.
        detail_type: The event's `detail-type`.
        instance_path: JSON path of the instance ID in the event.
        group_path: JSON path of the Auto Scaling group in a lifecycle hook's event; "" if no hook waits.
        drains: Whether the runbook drains the node.
        metric: Metric that counts the event.
        useful_seconds: Maximum age of the event, in seconds; an event not delivered by then is dropped.
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
        """Parameters of the runbook, with the JSON path of each value in the event."""
        return {
            INSTANCE_PARAMETER: self.instance_path,
            **({GROUP_PARAMETER: self.group_path} if self.group_path else {}),
        }

    def event_pattern(self, groups: Sequence[str]) -> str:
        """Return the EventBridge pattern that matches the event.

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
    # Often no interruption follows a recommendation, so nodes, which may belong to a quorum, are not drained.
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
"""The handled events."""


def match_groups(groups: Sequence[str]) -> dict[str, object]:
    """Return the part of an event pattern that matches exactly these Auto Scaling groups.

    Args:
        groups: Names of the groups. An empty sequence yields a pattern that matches no event, since EventBridge
            refuses an empty list.
    """
    return {"AutoScalingGroupName": [*groups] or [{"exists": False}]}


@dataclass(frozen=True, kw_only=True)
class RunbookStep:
    """One action of a runbook.

    Attributes:
        name: Name of the step in the document.
        action: Automation action, such as `aws:runCommand`.
        inputs: Inputs of the action.
        timeout_seconds: Time-out of the step, in seconds.
        next_step: Step to run after success, or "" for the following one.
        on_failure: Step to run after failure, or "" for the following one.
        is_critical: Whether a failure of the step fails the runbook.
        is_last: Whether the runbook ends after the step.
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
        """Return the step's declaration in a document."""
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
    """Return the content of a notice's runbook, in schema 0.3.

    Args:
        notice: The event to handle.
        environment: The environment; the runbook ignores other environments' nodes.
        role_arn: Role that Automation assumes to run the steps.
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
    """Return the steps: check the node's tags, drain it, complete the lifecycle action, put the metric.

    The last step is the end for other environments' nodes. A failed drain is counted but does not stop the runbook,
    since the node terminates either way.
    """
    yield _assert_instance_step(
        "belongs",
        {"tag:project": PROJECT_NAME, "tag:Environment": environment},
        otherwise="leave",
    )
    if notice.group_path:
        # An instance that is no longer running cannot be drained.
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
            # AWS answers with a ValidationError if the hook no longer waits: it timed out, or this event came twice.
            is_critical=False,
        )
    yield _count_step("count", notice.metric, environment, is_last=True)
    # `onFailure` can name a step, but cannot end a runbook successfully.
    yield RunbookStep(name="leave", action="aws:sleep", inputs={"Duration": "PT1S"}, is_last=True)


def _assert_instance_step(name: str, filters: Mapping[str, str], *, otherwise: str) -> RunbookStep:
    """Return a step that goes to `otherwise` unless the instance matches the filters; no match is not a failure."""
    return RunbookStep(
        name=name,
        action="aws:assertAwsResourceProperty",
        inputs={
            "Service": "ec2",
            "Api": "DescribeInstances",
            # The ID is a filter, because EC2 answers an unknown ID in the parameter InstanceIds with an error.
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
