"""The stack on an account that is as slow, as limited and as faulty as AWS."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.conditions import Conditions
from local.operations import deploy_local_stack, set_conditions
from terminal.errors import UserError
from tests.e2e.console import run_cfs

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


def test_a_deployment_beyond_the_quotas_names_them_with_the_commands_that_raise_them(empty_stack: Stack) -> None:
    set_conditions(empty_stack.engine.account.aws_url, Conditions(quotas=True))

    with pytest.raises(UserError, match="quota of vCPUs is used up") as refused:
        deploy_local_stack(empty_stack.engine)

    assert "cfs doctor --environment local --phase 1" in refused.value.repair
    found = run_cfs(empty_stack.folder, "doctor", "--environment", "local", "--phase", "1").stdout
    for code in QUOTAS:
        assert f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code} " in found
