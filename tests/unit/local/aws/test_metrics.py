"""CloudWatch lists each metric once."""

from __future__ import annotations

import boto3
from moto import mock_aws

from local.aws.gaps import close_gaps


def test_a_metric_with_several_dimensions_is_listed_once() -> None:
    close_gaps()
    with mock_aws():
        cloudwatch = boto3.client("cloudwatch", region_name="us-west-2")
        for job in ("build", "build", "test"):
            dimensions = [{"Name": "Workflow", "Value": "CI"}, {"Name": "Job", "Value": job}]
            cloudwatch.put_metric_data(
                Namespace="CFS/CI", MetricData=[{"MetricName": "Tests", "Value": 1, "Dimensions": dimensions}]
            )

        listed = cloudwatch.list_metrics(Namespace="CFS/CI")["Metrics"]

    assert sorted(metric["Dimensions"][1]["Value"] for metric in listed) == ["build", "test"]
