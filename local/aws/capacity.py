"""Decides whether EC2 launches an instance: quotas of vCPUs, and spot capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.servicequotas.models import servicequotas_backends

from cfs.checkup.quotas import CONCURRENCY_QUOTA, ON_DEMAND_QUOTA, SPOT_QUOTA, is_standard_type
from local.aws.conditions import ACCOUNT_CONDITIONS

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup
    from moto.ec2.models import EC2Backend
    from moto.servicequotas.models import ServiceQuotasBackend

_NEW_ACCOUNT_QUOTAS = {
    (quota.service, quota.code): value
    for quota, value in ((ON_DEMAND_QUOTA, 5.0), (SPOT_QUOTA, 5.0), (CONCURRENCY_QUOTA, 10.0))
}
"""Values by codes of service and quota. On AWS, a person decides on a request within hours or days."""


@dataclass(frozen=True, kw_only=True)
class LaunchRefusal:
    """A refused launch.

    Attributes:
        code: EC2's error code.
        message: EC2's message.
        activity: Auto Scaling's code in place of EC2's.
        activity_message: Auto Scaling's message in place of EC2's.
    """

    code: str
    message: str
    activity: str = ""
    activity_message: str = ""


_NO_SPOT_CAPACITY = LaunchRefusal(
    code="InsufficientInstanceCapacity",
    message="There is no Spot capacity available that matches your request.",
    activity="UnfulfillableCapacity",
    activity_message=(
        "Unable to fulfill capacity due to your request configuration. Please adjust your request and try again."
    ),
)
_SPOT_QUOTA_USED = LaunchRefusal(code="MaxSpotInstanceCountExceeded", message="Max spot instance count exceeded")


def quota_values(backend: ServiceQuotasBackend) -> dict[tuple[str, str], float]:
    """Return the account's quotas in a region, by codes of service and quota."""
    values: dict[tuple[str, str], float] = vars(backend).setdefault("quota_values", dict(_NEW_ACCOUNT_QUOTAS))
    return values


def has_spot_capacity(_group: FakeAutoScalingGroup | None) -> bool:
    """Return whether spot capacity is available to a group, or to a direct launch; tests replace this."""
    return ACCOUNT_CONDITIONS.current.spot_capacity


def refused_launch(
    ec2: EC2Backend, instance_type: str, *, count: int = 1, spot: bool, group: FakeAutoScalingGroup | None = None
) -> LaunchRefusal | None:
    """Return EC2's refusal of a launch, or None.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    if spot and not has_spot_capacity(group):
        return _NO_SPOT_CAPACITY
    if not ACCOUNT_CONDITIONS.current.quotas or not is_standard_type(instance_type):
        return None
    quota = SPOT_QUOTA if spot else ON_DEMAND_QUOTA
    limit = quota_values(servicequotas_backends[ec2.account_id][ec2.region_name])[quota.service, quota.code]
    if _used_vcpus(ec2, spot=spot) + count * _vcpus(instance_type) <= limit:
        return None
    return _SPOT_QUOTA_USED if spot else _on_demand_refusal(limit)


def refused_group_launch(group: FakeAutoScalingGroup, *, spot: bool) -> str:
    """Return the message of the failed activity if a group's next launch is refused, or ""."""
    policy = group.mixed_instances_policy or {}
    overrides = policy.get("LaunchTemplate", {}).get("Overrides") or []
    instance_type = overrides[0]["InstanceType"] if overrides else group.instance_type
    refusal = refused_launch(group.ec2_backend, instance_type, spot=spot, group=group)
    if refusal is None:
        return ""
    market = "Spot" if spot else "On-Demand"
    code, message = refusal.activity or refusal.code, refusal.activity_message or f"{refusal.message.rstrip('.')}."
    return f"Could not launch {market} Instances. {code} - {message} Launching EC2 instance failed."


def _on_demand_refusal(limit: float) -> LaunchRefusal:
    return LaunchRefusal(
        code="VcpuLimitExceeded",
        message=(
            f"You have requested more vCPU capacity than your current vCPU limit of {limit:g} allows for the instance"
            " bucket that the specified instance type belongs to. Please visit"
            " http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        ),
    )


def _used_vcpus(ec2: EC2Backend, *, spot: bool) -> int:
    """Return the vCPUs of the account's pending and running instances of the Standard quotas."""
    return sum(
        _vcpus(instance.instance_type)
        for reservation in ec2.all_reservations()
        for instance in reservation.instances
        if instance.state in ("pending", "running")
        and (instance.lifecycle == "spot") is spot
        and is_standard_type(instance.instance_type)
    )


def _vcpus(instance_type: str) -> int:
    known: dict[str, Any] = INSTANCE_TYPES.get(instance_type, {})
    return int(known.get("VCpuInfo", {}).get("DefaultVCpus", 2))
