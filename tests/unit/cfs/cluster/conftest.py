"""Node groups as the stack declares them, in moto, at a time that tests choose."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast
from zoneinfo import ZoneInfo

import boto3
import botocore.session
import moto.core.utils
import moto.ec2.models.instances
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from cfs.aws import AwsAccount
from local.aws import price_list, scheduling
from local.aws.gaps import close_gaps
from tests.conftest import IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.aws.clock import AccountClock

ENVIRONMENT = "test"
REGION = "us-west-2"
TIME_ZONE = "America/Los_Angeles"
"""A time zone that moto accepts."""

BUDGET_USD = "100"
MONDAY_EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=ZoneInfo(TIME_ZONE)).astimezone(UTC)
"""A time outside the schedule's hours, which are weekdays from 8 to 18."""


class Raw:
    """A response body as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


class Tap:
    """Observes the console's calls. Clients are created once, because loading AWS's service descriptions is slow."""

    def __init__(self) -> None:
        core = cast("Any", botocore.session.Session())
        for event in ("before-call", "after-call"):
            core.register(event, getattr(self, event.replace("-", "_")))
        core.register("before-send.pricing.GetProducts", self.answer)
        self.session = boto3.Session(
            botocore_session=core, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.plain = boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
        self.console_clients: dict[str, Any] = {}
        self.plain_clients: dict[str, Any] = {}
        self.hear: dict[str, Callable[..., None]] = {}
        self.now = MONDAY_EVENING
        scheduling.keep_timetables(cast("AccountClock", SimpleNamespace(account_time=lambda: self.now)))

    def before_call(self, **call: Any) -> None:
        if "before-call" in self.hear:
            self.hear["before-call"](**call)

    def after_call(self, **call: Any) -> None:
        if "after-call" in self.hear:
            self.hear["after-call"](**call)

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        body = json.dumps(price_list.get_products(json.loads(request.body))).encode()
        return AWSResponse(request.url, 200, {}, Raw(body))

    def client(self, service: str) -> Any:
        if service not in self.plain_clients:
            self.plain_clients[service] = self.plain.client(service)
        return self.plain_clients[service]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The console's clock, which follows the account's time.

    Attributes:
        cluster: The account.
        speed: Seconds that pass while the console sleeps for one: the more, the less often it polls.
    """

    cluster: Cluster
    speed: int = 12

    def now(self) -> datetime:
        return self.cluster.now

    def sleep(self, seconds: float) -> None:
        self.cluster.now += timedelta(seconds=self.speed * seconds)


@dataclass(kw_only=True)
class Cluster:
    """The account with the node groups, and helpers for tests."""

    tap: Tap
    subnets: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The account's time."""
        return self.tap.now

    @now.setter
    def now(self, now: datetime) -> None:
        scheduling.run_due_actions(now)
        self.tap.now = now

    @property
    def aws(self) -> AwsAccount:
        clients = self.tap.console_clients
        return AwsAccount(session=self.tap.session, clock=lambda: self.now, _clients=clients)

    @property
    def pace(self) -> Pace:
        return Pace(cluster=self)

    @contextmanager
    def hearing(self, event: Literal["before-call", "after-call"], hear: Callable[..., None]) -> Iterator[None]:
        """Call a function on each of the console's calls."""
        self.tap.hear[event] = hear
        try:
            yield
        finally:
            del self.tap.hear[event]

    def client(self, service: str) -> Any:
        """Return a client for the test's own calls, which are not observed."""
        return self.tap.client(service)

    def group(self, name: str) -> dict[str, Any]:
        [group] = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[full_name(name)])[
            "AutoScalingGroups"
        ]
        found: dict[str, Any] = group
        return found

    def stop(self, name: str) -> dict[str, Any]:
        [action] = self.client("autoscaling").describe_scheduled_actions(
            AutoScalingGroupName=full_name(name), ScheduledActionNames=["stop"]
        )["ScheduledUpdateGroupActions"]
        found: dict[str, Any] = action
        return found

    def instances(self, *states: str) -> list[dict[str, Any]]:
        reservations = self.client("ec2").describe_instances(
            Filters=[{"Name": "instance-state-name", "Values": list(states) or ["running"]}]
        )["Reservations"]
        return [instance for reservation in reservations for instance in reservation["Instances"]]

    def add_group(self, name: str, *, role: str, nodes: int, rebalances: bool = False, scheduled: bool = True) -> None:
        """Create a group as the stack declares it: without nodes, with its scheduled actions."""
        autoscaling = self.client("autoscaling")
        tags = {"project": "claudefs", "Environment": ENVIRONMENT, "Role": role, "NodeGroup": name}
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=full_name(name),
            MinSize=0,
            MaxSize=nodes,
            DesiredCapacity=0,
            VPCZoneIdentifier=",".join(self.subnets),
            CapacityRebalance=rebalances,
            MixedInstancesPolicy={
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {"LaunchTemplateName": "nodes", "Version": "$Latest"},
                    "Overrides": [{"InstanceType": "c7a.xlarge"}, {"InstanceType": "c7i.xlarge"}],
                },
                "InstancesDistribution": {
                    "OnDemandBaseCapacity": 0,
                    "OnDemandPercentageAboveBaseCapacity": 0,
                    "SpotAllocationStrategy": "price-capacity-optimized",
                },
            },
            Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True, **_of(name)} for key, value in tags.items()]
            + [{"Key": "Nodes", "Value": str(nodes), "PropagateAtLaunch": False, **_of(name)}],
        )
        if not scheduled:
            return
        for action, recurrence, sizes in (
            ("start", "0 8 * * 1-5", {"MinSize": 0, "MaxSize": nodes, "DesiredCapacity": nodes}),
            ("stop", "0 18 * * *", {"MinSize": 0, "DesiredCapacity": 0}),
        ):
            autoscaling.put_scheduled_update_group_action(
                AutoScalingGroupName=full_name(name),
                ScheduledActionName=action,
                Recurrence=recurrence,
                TimeZone=TIME_ZONE,
                **sizes,
            )


def full_name(name: str) -> str:
    """Return the Auto Scaling group's name in the stack."""
    return f"claudefs-{ENVIRONMENT}-{name}"


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a time in November 2026, given in the schedule's time zone."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(TIME_ZONE)).astimezone(UTC)


@pytest.fixture(scope="session")
def tap() -> Tap:
    close_gaps()
    return Tap()


@pytest.fixture
def account(tap: Tap, monkeypatch: pytest.MonkeyPatch, one_image: None) -> Iterator[Cluster]:  # noqa: ARG001
    """An account with a network, a launch template and a budget, but no group."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    tap.now = MONDAY_EVENING
    cluster = Cluster(tap=tap)
    monkeypatch.setattr(moto.core.utils, "utcnow", lambda: cluster.now.replace(tzinfo=None))
    monkeypatch.setattr(moto.ec2.models.instances, "utcnow", lambda: cluster.now.replace(tzinfo=None))
    with mock_aws():
        _prepare(cluster)
        yield cluster


@pytest.fixture
def cluster(account: Cluster) -> Cluster:
    """An account with two sites of storage nodes and a client."""
    account.add_group("storage-a", role="storage", nodes=3)
    account.add_group("storage-b", role="storage", nodes=2)
    account.add_group("fuse-client", role="client", nodes=1, rebalances=True)
    return account


def _prepare(cluster: Cluster) -> None:
    ec2 = cluster.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for number, zone in enumerate(("a", "b")):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        cluster.subnets.append(subnet["Subnet"]["SubnetId"])
    ec2.create_launch_template(
        LaunchTemplateName="nodes", LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "c7a.xlarge"}
    )
    cluster.client("budgets").create_budget(
        AccountId=DEFAULT_ACCOUNT_ID,
        Budget={
            "BudgetName": f"claudefs-{ENVIRONMENT}-daily",
            "BudgetType": "COST",
            "TimeUnit": "DAILY",
            "BudgetLimit": {"Amount": BUDGET_USD, "Unit": "USD"},
        },
    )


def _of(name: str) -> dict[str, str]:
    return {"ResourceId": full_name(name), "ResourceType": "auto-scaling-group"}
