"""Metrics of a deployment's outcome, which an alarm watches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cfs.environments import find_stack_environment
from infra.access.release_grants import DEPLOYMENT_METRICS_NAMESPACE
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.aws import AwsAccount


def put_outcome(aws: AwsAccount, environment: str, *, has_failed: bool, failed_probes: int = 0) -> None:
    """Put the metrics `Failed` and, if nodes have failed their probes, `FailedProbes`."""
    values = {"Failed": int(has_failed), **({"FailedProbes": failed_probes} if failed_probes else {})}
    dimensions = [{"Name": "Environment", "Value": environment}]
    data = [{"MetricName": name, "Value": value, "Dimensions": dimensions} for name, value in values.items()]
    aws.call_operation("cloudwatch", "put_metric_data", Namespace=DEPLOYMENT_METRICS_NAMESPACE, MetricData=data)


@contextmanager
def count_failure(environment: str) -> Iterator[None]:
    """Count a deployment that ends with an error as failed."""
    try:
        yield
    except Exception:
        count_outcome(environment, has_failed=True)
        raise


def count_outcome(environment: str, *, has_failed: bool, failed_probes: int = 0) -> None:
    """Put an environment's metrics; a failure to do so does not change the deployment's outcome."""
    try:
        aws = find_stack_environment(environment).connect_aws()
        put_outcome(aws, environment, has_failed=has_failed, failed_probes=failed_probes)
    except UserError as error:
        console.print(f"The outcome could not be counted: {error.problem}")
