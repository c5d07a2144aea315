"""The stack on an account that is as slow, as limited and as faulty as AWS."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from local.aws.conditions import Conditions
from local.operations import deploy_local_stack, set_conditions

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

QUOTAS = {"L-1216C47A": 64, "L-34B43A08": 256}
"""Approved requests: vCPUs on demand, and spot."""


def conditions(stack: Stack) -> dict[str, Any]:
    with urllib.request.urlopen(f"{stack.engine.account.aws_url}/_control/conditions", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_first_deployment_converges_despite_delays_and_faults(empty_stack: Stack) -> None:
    for code, value in QUOTAS.items():
        empty_stack.client("service-quotas").request_service_quota_increase(
            ServiceCode="ec2", QuotaCode=code, DesiredValue=value
        )

    deploy_local_stack(empty_stack.engine, as_on_aws=True)

    met = conditions(empty_stack)
    assert met["delays"]
    assert set(met["faults"]) == {"throttled", "failed", "lost"}
    set_conditions(empty_stack.engine.account.aws_url, Conditions())
    assert empty_stack.changes("--refresh") == {}
