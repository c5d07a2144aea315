"""Rehearses interruptions and terminations of nodes; rules and runbooks handle them under their own roles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from infra.cluster.lifecycle import DRAIN_HOOK
from infra.cluster.runbooks import NODE_NOTICES
from infra.naming import document_name
from measure.rehearsal.rehearsed_account import ENVIRONMENT
from terminal.errors import UserError

if TYPE_CHECKING:
    from measure.rehearsal.rehearsed_account import RehearsedAccount


def interrupt_nodes(rehearsed: RehearsedAccount) -> None:
    """Send all of AWS's notices of a node's end, terminate the node, and check that every runbook succeeded."""
    node = rehearsed.find_nodes()[0]
    instance, group = node["InstanceId"], node["aws:autoscaling:groupName"]
    detail = {
        "instance-id": instance,
        "instance-action": "terminate",
        "EC2InstanceId": instance,
        "AutoScalingGroupName": group,
        "LifecycleHookName": DRAIN_HOOK,
    }
    events = rehearsed.connect_client("events")
    for notice in NODE_NOTICES:
        entry = {"Source": notice.source, "DetailType": notice.detail_type, "Detail": json.dumps(detail)}
        events.put_events(Entries=[entry])
    rehearsed.connect_client("ec2").terminate_instances(InstanceIds=[instance])
    listed = rehearsed.connect_client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    answers = {(of["DocumentName"], of["AutomationExecutionStatus"]) for of in listed}
    expected = {(document_name(ENVIRONMENT, notice.name), "Success") for notice in NODE_NOTICES}
    if answers != expected:
        raise UserError(
            f"The runbooks of a node that ends: {sorted(answers)}, and not {sorted(expected)}.",
            repair="see what was denied: docs/enforcement.md",
        )
