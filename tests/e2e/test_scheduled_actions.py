"""The emulated account carries out scheduled actions of Auto Scaling groups, and does so again after a restart."""

from __future__ import annotations

import shutil
import urllib.error
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local import servers
from local.aws.clock import CLOCK_PATH
from local.emulator_requests import send_json
from tests.e2e.nursery import ForkServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An account's folder, whose emulators end with the test."""
    yield tmp_path / "account"
    servers.stop_emulators(tmp_path / "account")


def client(folder: Path, service: str) -> Any:
    """Return a client of the account, which is started where it does not run."""
    return boto3.client(
        service,
        endpoint_url=servers.ensure_emulators_running(folder)[servers.AWS_EMULATOR].base_url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def clock(folder: Path, now: datetime | None = None) -> datetime:
    """Read the account's clock, or move it."""
    url = f"{servers.ensure_emulators_running(folder)[servers.AWS_EMULATOR].base_url}{CLOCK_PATH}"
    told = send_json(url, "PUT", {"now": now.isoformat()}, seconds=30) if now else send_json(url, seconds=30)
    return datetime.fromisoformat(told["now"])


def make_group(folder: Path, name: str = "nodes") -> None:
    image = client(folder, "ec2").describe_images()["Images"][0]["ImageId"]
    autoscaling = client(folder, "autoscaling")
    autoscaling.create_launch_configuration(
        LaunchConfigurationName=f"{name}-launch", ImageId=image, InstanceType="t3.micro"
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=f"{name}-launch",
        MinSize=0,
        MaxSize=3,
        DesiredCapacity=0,
        AvailabilityZones=["us-west-2a"],
    )


def put(folder: Path, name: str, *, group: str = "nodes", **given: Any) -> None:
    client(folder, "autoscaling").put_scheduled_update_group_action(
        AutoScalingGroupName=group, ScheduledActionName=name, **given
    )


def nodes(folder: Path, group: str = "nodes") -> tuple[int, int]:
    """Return how many nodes a group is to have, and how many run."""
    [found] = client(folder, "autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])[
        "AutoScalingGroups"
    ]
    return found["DesiredCapacity"], len(found["Instances"])


def described(folder: Path, group: str = "nodes") -> dict[str, Any]:
    found = client(folder, "autoscaling").describe_scheduled_actions(AutoScalingGroupName=group)
    return {action["ScheduledActionName"]: action for action in found["ScheduledUpdateGroupActions"]}


MORNING = datetime(2031, 1, 7, 12, tzinfo=UTC)
"""A Tuesday in the future, before 8 in Los Angeles."""


@pytest.fixture(scope="module")
def dawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ForkServer]]:
    """An account at rest on that morning, with a group that starts at 8 and stops at 18, and what copies it."""
    account = tmp_path_factory.mktemp("dawn")
    make_group(account)
    clock(account, MORNING)
    put(
        account,
        "start",
        Recurrence="0 8 * * 1-5",
        TimeZone="America/Los_Angeles",
        MinSize=0,
        MaxSize=3,
        DesiredCapacity=2,
    )
    put(account, "stop", Recurrence="0 18 * * *", TimeZone="America/Los_Angeles", MinSize=0, DesiredCapacity=0)
    servers.stop_emulators(account)
    with ForkServer.start_for(account) as nursery:
        yield account, nursery


@pytest.fixture
def morning(folder: Path, dawn: tuple[Path, ForkServer]) -> datetime:
    """That morning, on a copy of the account."""
    account, nursery = dawn
    folder.mkdir()
    shutil.copy(account / servers.AWS_EMULATOR.state_file, folder)
    servers.ensure_emulators_running(folder, spawn=nursery.spawn_copy)
    return MORNING


def test_nodes_come_and_go_by_the_clock(folder: Path, morning: datetime) -> None:
    assert nodes(folder) == (0, 0)
    clock(folder, morning.replace(hour=16))
    assert nodes(folder) == (2, 2)
    clock(folder, morning + timedelta(hours=14))
    assert nodes(folder) == (0, 0)


def test_an_account_that_is_started_again_is_as_it_was(folder: Path, morning: datetime) -> None:
    clock(folder, morning.replace(hour=17))
    before = (described(folder), client(folder, "ec2").describe_instances()["Reservations"])
    servers.stop_emulators(folder)

    assert clock(folder) - morning.replace(hour=17) < timedelta(minutes=5)
    after = (described(folder), client(folder, "ec2").describe_instances()["Reservations"])

    def ids(reservations: list[Any]) -> list[tuple[str, str]]:
        return [
            (instance["InstanceId"], instance["State"]["Name"]) for of in reservations for instance in of["Instances"]
        ]

    assert before[0] == after[0]
    assert ids(before[1]) == ids(after[1])
    assert nodes(folder) == (2, 2)


def test_what_is_described_is_what_was_put_with_the_next_time(folder: Path, morning: datetime) -> None:
    clock(folder, morning.replace(hour=17))
    start = described(folder)["start"]
    assert start["Recurrence"] == "0 8 * * 1-5"
    assert start["TimeZone"] == "America/Los_Angeles"
    assert start["StartTime"] == datetime(2031, 1, 8, 16, tzinfo=UTC)
    assert (start["MinSize"], start["MaxSize"], start["DesiredCapacity"]) == (0, 3, 2)
    assert start["ScheduledActionARN"].endswith(":autoScalingGroupName/nodes:scheduledActionName/start")
    assert not {"EndTime"} & start.keys()
    assert not {"MaxSize"} & described(folder)["stop"].keys()


def test_groups_have_actions_of_the_same_names_apart(folder: Path, morning: datetime) -> None:
    make_group(folder, "others")
    put(folder, "start", group="others", StartTime=morning + timedelta(hours=1), DesiredCapacity=1)
    clock(folder, morning + timedelta(hours=2))
    assert nodes(folder) == (0, 0)
    assert nodes(folder, "others") == (1, 1)
    assert set(described(folder)) == {"start", "stop"}
    assert described(folder, "others") == {}  # it was to be done once


def test_a_stop_that_is_moved_comes_then_and_every_day_again(folder: Path, morning: datetime) -> None:
    put(
        folder,
        "stop",
        Recurrence="0 18 * * *",
        TimeZone="America/Los_Angeles",
        StartTime=datetime(2031, 1, 8, 6, tzinfo=UTC),
        MinSize=0,
        DesiredCapacity=0,
    )
    clock(folder, morning + timedelta(hours=17, minutes=59))
    assert nodes(folder) == (2, 2)
    clock(folder, morning + timedelta(hours=18))
    assert nodes(folder) == (0, 0)
    assert described(folder)["stop"]["StartTime"] == datetime(2031, 1, 9, 2, tzinfo=UTC)


def test_an_action_whose_sizes_contradict_the_groups_changes_nothing(folder: Path, morning: datetime) -> None:
    put(folder, "start", Recurrence="0 8 * * 1-5", TimeZone="America/Los_Angeles", DesiredCapacity=4)
    clock(folder, morning.replace(hour=16))
    assert nodes(folder) == (0, 0)
    assert described(folder)["start"]["StartTime"] == datetime(2031, 1, 8, 16, tzinfo=UTC)


def test_a_group_whose_scheduled_actions_are_suspended_is_left_alone(folder: Path, morning: datetime) -> None:
    client(folder, "autoscaling").suspend_processes(AutoScalingGroupName="nodes", ScalingProcesses=["ScheduledActions"])
    clock(folder, morning.replace(hour=16))
    assert nodes(folder) == (0, 0)


def test_what_aws_refuses_is_refused_with_its_code(folder: Path, morning: datetime) -> None:
    with pytest.raises(ClientError) as past:
        put(folder, "late", StartTime=morning - timedelta(days=1), DesiredCapacity=1)
    assert past.value.response["Error"]["Code"] == "ValidationError"
    assert "in the past" in past.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as taken:
        put(folder, "again", StartTime=morning.replace(hour=16), DesiredCapacity=1)
    assert taken.value.response["Error"]["Code"] in ("AlreadyExists", "AlreadyExistsFault")
    with pytest.raises(ClientError, match="not found"):
        put(folder, "stray", group="no-such-group", StartTime=morning + timedelta(days=1), DesiredCapacity=1)
    with pytest.raises(ClientError, match="not found"):
        client(folder, "autoscaling").delete_scheduled_action(
            AutoScalingGroupName="nodes", ScheduledActionName="no-such-action"
        )


def test_the_clock_is_not_moved_back_nor_to_anything_that_is_no_time(folder: Path, morning: datetime) -> None:
    for nonsense in (morning - timedelta(hours=1), morning.replace(year=2026)):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            clock(folder, nonsense)
    assert clock(folder) - morning < timedelta(minutes=5)


def test_what_is_due_is_done_without_anybody_moving_the_clock(folder: Path) -> None:
    make_group(folder)
    at = clock(folder) + timedelta(seconds=2)
    put(folder, "soon", StartTime=at, DesiredCapacity=1)
    while clock(folder) < at:
        assert nodes(folder) in ((0, 0), (1, 1))
    assert nodes(folder) == (1, 1)
