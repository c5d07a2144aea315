"""Launches are refused with AWS's errors if a quota is used up, or without spot capacity."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from local.aws.conditions import ACCOUNT_CONDITIONS, Conditions
from tests.conftest import IMAGE
from tests.mocked_clients import mocked_client
from tests.unit.local.aws.test_lifecycle_hooks import GROUP, activities, create_group, nodes, resize

pytestmark = pytest.mark.usefixtures("slow_account")


def launch(*, count: int = 1, spot: bool = False, kind: str = "t3.micro") -> None:
    """Launch instances with two vCPUs each, unless another type is named."""
    market = {"InstanceMarketOptions": {"MarketType": "spot"}} if spot else {}
    mocked_client("ec2").run_instances(ImageId=IMAGE, InstanceType=kind, MinCount=count, MaxCount=count, **market)


def refusal(**launched: object) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        launch(**launched)  # type: ignore[arg-type]
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_new_account_launches_five_vcpus_of_each_market() -> None:
    ACCOUNT_CONDITIONS.switch(Conditions(quotas=True))
    launch(count=2)
    launch(count=2, spot=True)
    code, message = refusal()
    assert code == "VcpuLimitExceeded"
    assert message.startswith("You have requested more vCPU capacity than your current vCPU limit of 5 allows")
    assert refusal(spot=True) == ("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")


def test_a_raised_quota_allows_more_and_other_families_have_quotas_of_their_own() -> None:
    ACCOUNT_CONDITIONS.switch(Conditions(quotas=True))
    launch(kind="g5.xlarge", count=2)
    mocked_client("service-quotas").request_service_quota_increase(
        ServiceCode="ec2", QuotaCode="L-1216C47A", DesiredValue=16
    )
    launch(count=8)
    assert refusal()[0] == "VcpuLimitExceeded"


def test_without_spot_capacity_only_spot_instances_are_refused() -> None:
    ACCOUNT_CONDITIONS.switch(Conditions(spot_capacity=False))
    launch()
    assert refusal(spot=True) == (
        "InsufficientInstanceCapacity",
        "There is no Spot capacity available that matches your request.",
    )


def test_a_group_records_why_its_launch_failed() -> None:
    ACCOUNT_CONDITIONS.switch(Conditions(quotas=True))
    create_group()
    resize(3)
    assert len(nodes()) == 2
    [group] = mocked_client("autoscaling").describe_scaling_activities(AutoScalingGroupName=GROUP)["Activities"][:1]
    assert (group["StatusCode"], group["Description"]) == ("Failed", "Launching a new EC2 instance")
    assert group["StatusMessage"].startswith("Could not launch On-Demand Instances. VcpuLimitExceeded - You have")
    assert group["StatusMessage"].endswith("adjustment to this limit. Launching EC2 instance failed.")
    assert [status for status, _ in activities()] == ["Failed", "Successful", "Successful"]
