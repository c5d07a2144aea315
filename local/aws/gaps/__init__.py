"""Features that the real AWS provider needs and moto 5.2 lacks, in one module for each service.

Each function closes one gap by replacing one method of moto, so it can be deleted when a newer moto closes the gap.
"""

from __future__ import annotations

from functools import cache

from local.aws.gaps.activities import close_activity_gaps
from local.aws.gaps.autoscaling import close_autoscaling_gaps
from local.aws.gaps.bedrock import close_bedrock_gaps
from local.aws.gaps.budgets import close_budget_gaps
from local.aws.gaps.cost_explorer import close_cost_explorer_gaps
from local.aws.gaps.delays import close_delay_gaps
from local.aws.gaps.dispatch import close_dispatch_gaps
from local.aws.gaps.ec2 import close_ec2_gaps
from local.aws.gaps.events import close_event_gaps
from local.aws.gaps.functions import close_function_gaps
from local.aws.gaps.iam import close_iam_gaps
from local.aws.gaps.launch_limits import close_launch_limit_gaps
from local.aws.gaps.lifecycle_hooks import close_hook_gaps
from local.aws.gaps.metrics import close_metric_gaps
from local.aws.gaps.nodes import close_node_gaps
from local.aws.gaps.queues import close_queue_gaps
from local.aws.gaps.s3 import close_s3_gaps
from local.aws.gaps.security_groups import close_security_group_gaps
from local.aws.gaps.serialization import close_serialization_gaps
from local.aws.gaps.service_quotas import close_quota_gaps
from local.aws.gaps.spot_prices import close_spot_price_gaps
from local.aws.gaps.ssm import close_ssm_gaps
from local.aws.gaps.sts import close_sts_gaps

GAP_CLOSERS = (
    close_autoscaling_gaps,
    close_activity_gaps,
    close_bedrock_gaps,
    close_budget_gaps,
    close_cost_explorer_gaps,
    close_dispatch_gaps,
    close_ec2_gaps,
    close_event_gaps,
    close_function_gaps,
    close_iam_gaps,
    close_metric_gaps,
    close_node_gaps,
    close_queue_gaps,
    close_s3_gaps,
    close_security_group_gaps,
    close_serialization_gaps,
    close_quota_gaps,
    close_spot_price_gaps,
    close_ssm_gaps,
    close_sts_gaps,
    close_delay_gaps,
    close_hook_gaps,
    close_launch_limit_gaps,
)


@cache
def close_gaps() -> None:
    """Close all gaps; call before the first request. Later calls do nothing."""
    for close_service in GAP_CLOSERS:
        close_service()
