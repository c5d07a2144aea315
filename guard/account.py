"""What a plan needs to know of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.groups import read_groups
from guard.plan import AccountView

if TYPE_CHECKING:
    from guard.calls import AwsCalls
    from guard.decision import GuardDecision
    from guard.environment import GuardSettings
    from guard.instances import Instance
    from guard.records import HeldChanges


def read_account(
    calls: AwsCalls,
    settings: GuardSettings,
    decision: GuardDecision,
    held: HeldChanges,
    instances: tuple[Instance, ...],
) -> AccountView:
    """Read what a plan compares with: groups, and the agents' mode if it concerns them."""
    restores_sizes = not decision.stops_cluster and any(group.sizes for group in held.groups.values())
    groups = None
    if decision.blocks_launches or decision.stops_cluster or held.groups:
        groups = calls.attempt_call(
            "autoscaling:DescribeAutoScalingGroups",
            lambda: read_groups(calls, settings, with_schedules=restores_sizes),
        )
    agents = None
    if decision.agents is not None or held.agents_before is not None:
        agents = calls.attempt_call(
            "ssm:GetParameter",
            lambda: str(
                calls.service_client("ssm").get_parameter(Name=settings.agent_mode_parameter)["Parameter"]["Value"]
            ),
            subject=settings.agent_mode_parameter,
        )
    return AccountView(groups=groups, instances=instances, agents=agents, orchestrator_id=settings.orchestrator_id)
