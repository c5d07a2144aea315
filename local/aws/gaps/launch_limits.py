"""EC2: launches that quotas or missing spot capacity refuse; moto launches everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import ASG_NAME_TAG
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import InstanceBackend

from local.aws.capacity import refused_launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Reservation

_DEFAULT_TYPE = "m1.small"


def close_launch_limit_gaps() -> None:
    """Close the gaps of launches; after all others that launch, so that a refused launch leaves nothing."""
    run_instances: Callable[..., Reservation] = InstanceBackend.run_instances

    def run_within_limits(
        self: EC2Backend, image_id: str, count: int, user_data: Any, security_group_names: list[str], **wanted: Any
    ) -> Reservation:
        if ASG_NAME_TAG in wanted.get("tags", {}).get("instance", {}):
            # A group records the refusal of a launch as an activity.
            return run_instances(self, image_id, count, user_data, security_group_names, **wanted)
        template = wanted.get("launch_template")
        data = self._get_template_from_args(template).data if template else {}
        market = wanted.get("instance_market_options") or data.get("InstanceMarketOptions", {}).get("MarketType")
        kind = wanted.get("instance_type")
        if template and wanted.get("is_instance_type_default", True):
            kind = data.get("InstanceType", kind)
        refusal = refused_launch(self, kind or _DEFAULT_TYPE, count=count, spot=market == "spot")
        if refusal is not None:
            raise EC2ClientError(refusal.code, refusal.message)
        return run_instances(self, image_id, count, user_data, security_group_names, **wanted)

    InstanceBackend.run_instances = run_within_limits
