"""EventBridge: Automation documents as targets of rules, which moto does not support, and rules without a pattern."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from moto.events.models import Rule
from moto.events.utils import EventTemplateParser
from moto.ssm import ssm_backends
from moto.ssm.exceptions import SSMException

from local.aws.gaps import ssm
from local.aws.iam.api_request import ApiRequest
from local.aws.iam.gate import ACCOUNT_GATE, AccessRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.events.models import EventMessageType

_RUNBOOK = ":automation-definition/"


def close_event_gaps() -> None:
    """Close the gaps of this service."""
    _start_runbooks()


def _start_runbooks() -> None:
    send_to_targets: Callable[..., None] = Rule.send_to_targets

    def send_to_all_targets(self: Rule, original_event: EventMessageType, transform_input: bool = True) -> None:  # noqa: FBT001, FBT002 — moto's signature
        if not self.event_pattern.get_pattern():
            # A rule with only a schedule; moto would send it every event.
            return
        every = self.targets
        self.targets = [target for target in every if _RUNBOOK not in target["Arn"]]
        try:
            send_to_targets(self, original_event, transform_input)
        finally:
            self.targets = every
        if self.event_pattern.matches_event(original_event):
            for target in every:
                if _RUNBOOK in target["Arn"]:
                    _start_runbook(self, target, original_event)

    Rule.send_to_targets = send_to_all_targets


def _start_runbook(rule: Rule, target: dict[str, dict[str, str]], event: EventMessageType) -> None:
    transformer = target["InputTransformer"]
    parameters = EventTemplateParser.parse(transformer["InputTemplate"], transformer["InputPathsMap"], event)
    name = str(target["Arn"]).rpartition("/")[2].partition(":")[0]
    # The caller of PutEvents is not notified if a target fails.
    with contextlib.suppress(SSMException, AccessRefusedError):
        _check_target(rule, str(target.get("RoleArn", "")), name)
        ssm.start_automation(ssm_backends[rule.account_id][rule.region_name], name, parameters)


def _check_target(rule: Rule, role: str, document: str) -> None:
    """Check that EventBridge may start a document with the target's role; does nothing while the gate is off.

    Raises:
        AccessRefusedError: EventBridge may not start it.
    """
    principal = ACCOUNT_GATE.assume_for_service("events.amazonaws.com", role, session=rule.name, source_arn=rule.arn)
    start = ApiRequest(
        service="ssm",
        operation="StartAutomationExecution",
        actions=("ssm:StartAutomationExecution",),
        region=rule.region_name,
        parameters={"DocumentName": document},
        headers={},
        query={},
    )
    if principal is not None and (refusal := ACCOUNT_GATE.judge_call(start, principal)):
        raise AccessRefusedError(refusal)
