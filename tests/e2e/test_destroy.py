"""What `destroy` removes and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cfs.engine import EngineError
from cfs.recovery.tagged_resources import find_tagged_resources

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack


def test_destroy_leaves_nothing_but_what_is_protected(stack: Stack) -> None:
    state_bucket = stack.outputs()["stateBucket"]
    key_id = stack.outputs()["encryptionKeyArn"].rpartition("/")[2]
    stack.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=stack.outputs()["nodeGroups"]["storage-a"], DesiredCapacity=3
    )
    running = {"Filters": [{"Name": "instance-state-name", "Values": ["pending", "running"]}]}
    assert len(stack.client("ec2").describe_instances(**running)["Reservations"]) == 1 + 3

    with pytest.raises(EngineError, match="protect"):
        stack.engine.query_text("destroy", "--yes", "--skip-preview")
    stack.engine.query_text("destroy", "--yes", "--skip-preview", "--exclude-protected")

    assert stack.client("ec2").describe_instances(**running)["Reservations"] == []
    left = find_tagged_resources(stack.engine.connect_aws(), "local")
    assert {found.id for found in left} == {state_bucket, key_id}  # without its key the state could not be read
    assert all(
        resource.get("protect") or not resource.get("custom") or resource["type"].startswith("pulumi:providers:")
        for resource in stack.resources()
    )
    assert stack.client("s3").get_bucket_versioning(Bucket=state_bucket)["Status"] == "Enabled"
