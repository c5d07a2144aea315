"""What `destroy` removes and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cfs.engine import EngineError
from cfs.recovery.inventory import Inventory

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack


def test_destroy_leaves_nothing_but_what_is_protected(own_stack: Stack) -> None:
    state_bucket = own_stack.outputs()["stateBucket"]
    key_id = own_stack.outputs()["encryptionKeyArn"].rpartition("/")[2]
    own_stack.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=own_stack.outputs()["nodeGroups"]["storage-a"], DesiredCapacity=3
    )
    running = {"Filters": [{"Name": "instance-state-name", "Values": ["pending", "running"]}]}
    assert len(own_stack.client("ec2").describe_instances(**running)["Reservations"]) == 1 + 3

    with pytest.raises(EngineError, match="protect"):
        own_stack.engine.query("destroy", "--yes", "--skip-preview")
    own_stack.engine.query("destroy", "--yes", "--skip-preview", "--exclude-protected")

    assert own_stack.client("ec2").describe_instances(**running)["Reservations"] == []
    left = Inventory(own_stack.engine.account, environment="local").all()
    assert {found.id for found in left} == {state_bucket, key_id}  # without its key the state could not be read
    assert all(
        resource.get("protect") or not resource.get("custom") or resource["type"].startswith("pulumi:providers:")
        for resource in own_stack.resources()
    )
    assert own_stack.client("s3").get_bucket_versioning(Bucket=state_bucket)["Status"] == "Enabled"
