"""Scaling activities of Auto Scaling groups, which moto lacks: launches, failed launches and terminations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core import utils
from moto.core.responses import ActionResult
from moto.ec2.models import instances
from moto.ec2.models.instances import InstanceBackend
from moto.moto_api._internal import mock_random

from local.aws import capacity
from local.aws.gaps.autoscaling import launches_spot_next
from local.aws.gaps.lifecycle_hooks import await_launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.aws.clock import AccountClock

_PAGE_SIZE = 100


def close_activity_gaps() -> None:
    """Close the gaps of this service."""
    _record_launches()
    _record_terminations()
    _retry_launch_after_updates()
    _describe_activities()


def use_account_clock(clock: AccountClock) -> None:
    """Use the account's clock for launches and activities; moto uses the machine's."""

    def utcnow() -> datetime:
        return clock.account_time().astimezone(UTC).replace(tzinfo=None)

    utils.utcnow = utcnow
    instances.utcnow = utcnow


def _record_launches() -> None:
    launch: Callable[[FakeAutoScalingGroup, int, dict[str, str]], None] = (
        FakeAutoScalingGroup.replace_autoscaling_group_instances
    )

    def launch_and_record(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
        for _ in range(count_needed):
            refusal = capacity.refused_group_launch(self, spot=launches_spot_next(self))
            if refusal:
                _record_activity(self, "Launching a new EC2 instance", status="Failed", message=refusal)
                return
            launch(self, 1, propagated_tags)
            node = self.instance_states[-1]
            activity = _record_activity(self, f"Launching a new EC2 instance: {node.instance.id}")
            await_launch(self, node, activity)

    FakeAutoScalingGroup.replace_autoscaling_group_instances = launch_and_record


def _record_terminations() -> None:
    terminate_instances: Callable[[InstanceBackend, list[str]], Any] = InstanceBackend.terminate_instances

    def terminate_and_record(self: InstanceBackend, instance_ids: list[str]) -> Any:
        ended = [self.get_instance(identifier) for identifier in instance_ids]
        answer = terminate_instances(self, instance_ids)
        for instance in ended:
            group = getattr(instance, "autoscaling_group", None)
            if group is not None:
                _record_activity(group, f"Terminating EC2 instance: {instance.id}")
        return answer

    InstanceBackend.terminate_instances = terminate_and_record


def _retry_launch_after_updates() -> None:
    """Launch a group's missing instances after an update: AWS keeps retrying, moto does not."""
    update: Callable[..., None] = FakeAutoScalingGroup.update

    def update_and_try_again(self: FakeAutoScalingGroup, **changes: Any) -> None:
        update(self, **changes)
        self.set_desired_capacity(self.desired_capacity)

    FakeAutoScalingGroup.update = update_and_try_again


def _describe_activities() -> None:
    def describe_scaling_activities(self: AutoScalingResponse) -> ActionResult:
        group = self.autoscaling_backend.autoscaling_groups.get(self._get_param("AutoScalingGroupName"))
        lower = _lower_bound(self._get_param("Filters", []))
        found = [activity for activity in reversed(_group_activities(group)) if activity["StartTime"] >= lower]
        start = int(self._get_param("NextToken") or 0)
        following = start + _PAGE_SIZE
        return ActionResult(
            {
                "Activities": found[start:following],
                "NextToken": str(following) if len(found) > following else None,
            }
        )

    AutoScalingResponse.describe_scaling_activities = describe_scaling_activities


def _lower_bound(filters: list[dict[str, Any]]) -> datetime:
    bounds = [wanted["Values"][0] for wanted in filters if wanted["Name"] == "StartTimeLowerBound"]
    return datetime.fromisoformat(bounds[0]) if bounds else datetime.min.replace(tzinfo=UTC)


def _record_activity(
    group: FakeAutoScalingGroup, description: str, *, status: str = "Successful", message: str = ""
) -> dict[str, Any]:
    now = utils.utcnow().replace(tzinfo=UTC)
    activity = {
        "ActivityId": str(mock_random.uuid4()),
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "AutoScalingGroupState": "InService",
        "Description": description,
        "Cause": f"At {now:%Y-%m-%dT%H:%M:%SZ} the group was to have {group.desired_capacity} instances.",
        "StartTime": now,
        "EndTime": now,
        "StatusCode": status,
        "StatusMessage": message,
        "Progress": 100,
        "Details": "{}",
    }
    _group_activities(group).append(activity)
    return activity


def _group_activities(group: FakeAutoScalingGroup | None) -> list[dict[str, Any]]:
    """Return a group's activities, oldest first."""
    if group is None:
        return []
    if not hasattr(group, "activities"):
        group.activities = []
    record: list[dict[str, Any]] = group.activities
    return record
