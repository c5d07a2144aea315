"""An account in this process with an environment for the guard to watch: moto, whose calls are counted."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
import botocore.session
from botocore.loaders import create_loader
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.ec2.models import amis

from costs.price_list import load_price_list
from guard.calls import AwsCalls
from guard.environment import GuardSettings
from guard.ladder import DEFAULT_LADDER
from guard.tariff import Tariff
from guard.tick import GuardTick, Memory
from local.aws.gaps.metrics import close_metric_gaps
from measure.guard.descriptions import DescribedInstances

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from guard.ladder import Ladder
    from guard.tick import TickReport
    from measure.guard.call_faults import CallFault

REGION = "us-west-2"
SIMULATED_ENVIRONMENT = "test"
TABLE = "claudefs-test-guard-ledger"
PARAMETER = "claudefs-test-agents-mode"
NODE_TYPE = "i4i.2xlarge"
ROOT_VOLUME: dict[str, Any] = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3"}}
_LOADER = create_loader()

_IAM_PREFIXES = {"auto-scaling": "autoscaling", "cost-explorer": "ce"}
"""Services whose name in IAM is not that of botocore's events."""

_CREDENTIALS = {
    "MOTO_AMIS_PATH": "none but one",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class SimulatedAccount:
    """An account with an environment.

    Attributes:
        session: Its session.
        topic_arn: Topic of the guard's messages.
        calls: The guard's calls, which keep their clients.
        ami: An image.
        counted: The guard's calls to AWS by name.
        memory: What the guard's process remembers.
        budget_usd: The day's budget.
        ladder: The guard's steps.
        orchestrator_id: ID of the agents' machine, or "".
        is_dry_run: Whether the guard only reports.
        fault: What one call answers instead.
        current_call: The guard's call that is being answered, as IAM names it.
        answering_seconds: How long answers took, which AWS would do elsewhere.
        last_tokens_at: Up to when agents have spent tokens.
        metrics_read: How many metrics the guard has read.
        now: The simulated time.
        described: How EC2 describes the instances.
        last_report: Report of the last tick.
    """

    session: boto3.Session
    topic_arn: str
    calls: AwsCalls
    ami: str
    counted: Counter[str] = field(default_factory=Counter)
    memory: Memory = field(default_factory=Memory)
    budget_usd: Decimal = Decimal(100)
    ladder: Ladder = DEFAULT_LADDER
    orchestrator_id: str = ""
    is_dry_run: bool = False
    fault: CallFault | None = None
    current_call: str = ""
    answering_seconds: float = 0.0
    last_tokens_at: datetime | None = None
    metrics_read: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    described: DescribedInstances = field(init=False)
    last_report: TickReport = field(init=False)
    _placed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Describe instances at the simulated time."""
        self.described = DescribedInstances(REGION, lambda: self.now)

    def service_client(self, service: str) -> Any:
        """Return a client whose calls are not counted."""
        return _uncounted_client(service)

    @property
    def guard_settings(self) -> GuardSettings:
        """The guard's settings."""
        return GuardSettings(
            project="claudefs",
            environment=SIMULATED_ENVIRONMENT,
            region=REGION,
            ledger_table=TABLE,
            alert_topic_arn=self.topic_arn,
            agent_mode_parameter=PARAMETER,
            orchestrator_id=self.orchestrator_id,
            budget_usd=self.budget_usd,
            ladder=self.ladder,
            is_dry_run=self.is_dry_run,
        )

    def run_guard(self, now: datetime | None = None, *, sleep: Callable[[float], None] = lambda _: None) -> TickReport:
        """Run the guard once, at a time that becomes the account's."""
        self.now = now or self.now
        self.calls.failures.clear()
        tick = GuardTick(
            calls=self.calls,
            settings=self.guard_settings,
            tariff=Tariff(prices=load_price_list(REGION)),
            memory=self.memory,
            now=self.now,
            sleep=sleep,
        )
        self.last_report = tick.run_tick()
        return self.last_report

    def ledger_bytes(self) -> int:
        """Return the size of the day's item."""
        key = {"day": {"S": self.now.date().isoformat()}, "entry": {"S": "meter"}}
        item = self.service_client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
        return len(item["record"]["B"])

    def add_group(self, name: str, nodes: int) -> str:
        """Make a group of spot nodes that runs, and return its full name."""
        full_name = f"claudefs-{SIMULATED_ENVIRONMENT}-{name}"
        self.service_client("ec2").create_launch_template(
            LaunchTemplateName=full_name,
            LaunchTemplateData={
                "ImageId": self.ami,
                "InstanceType": NODE_TYPE,
                "InstanceMarketOptions": {"MarketType": "spot"},
                "BlockDeviceMappings": [ROOT_VOLUME],
            },
        )
        self.service_client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=full_name,
            LaunchTemplate={"LaunchTemplateName": full_name},
            MinSize=0,
            MaxSize=nodes,
            DesiredCapacity=nodes,
            AvailabilityZones=[f"{REGION}a"],
            Tags=[
                *group_tags(full_name, environment_tags("storage"), propagates=True),
                *group_tags(full_name, {"Nodes": str(nodes)}, propagates=False),
            ],
        )
        self._set_launch_times(market="spot")
        return full_name

    def scale_group(self, full_name: str, nodes: int) -> None:
        """Set a group's desired capacity as its schedule does, unless that is suspended."""
        group = self.describe_groups()[full_name]
        if not any(process["ProcessName"] == "ScheduledActions" for process in group["SuspendedProcesses"]):
            self.service_client("autoscaling").update_auto_scaling_group(
                AutoScalingGroupName=full_name, DesiredCapacity=nodes
            )
            self._set_launch_times(market="spot")

    def _set_launch_times(self, *, market: str | None = None) -> None:
        """Move what was launched just now to the simulated time; moto's groups do not know spot instances."""
        for instance in self.described.backend.all_instances():
            if instance.id not in self._placed:
                self._placed.add(instance.id)
                instance.launch_time = self.now.replace(tzinfo=None)
                instance.lifecycle = market or instance.lifecycle

    def launch_instances(
        self,
        count: int,
        *,
        role: str = "storage",
        spot: bool = True,
        environment: str = SIMULATED_ENVIRONMENT,
        type_: str = NODE_TYPE,
    ) -> list[str]:
        """Launch instances that are in no group."""
        market = {"InstanceMarketOptions": {"MarketType": "spot"}} if spot else {}
        tags = [{"Key": key, "Value": value} for key, value in environment_tags(role, environment).items()]
        answer = self.service_client("ec2").run_instances(
            ImageId=self.ami,
            InstanceType=type_,
            MinCount=count,
            MaxCount=count,
            BlockDeviceMappings=[ROOT_VOLUME],
            TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
            **market,
        )
        self._set_launch_times()
        return [instance["InstanceId"] for instance in answer["Instances"]]

    def instance_states(self, *, environment: str = SIMULATED_ENVIRONMENT) -> Counter[str]:
        """Count an environment's instances by state."""
        backend = self.described.backend
        return Counter(
            instance._state.name  # noqa: SLF001 — moto has no other way
            for instance in backend.all_instances()
            if backend.tags.get(instance.id, {}).get("Environment") == environment
        )

    def running_ids(self) -> set[str]:
        """Return the IDs of all instances that run."""
        every = self.described.backend.all_instances()
        return {each.id for each in every if each._state.name == "running"}  # noqa: SLF001 — moto has no other way

    def describe_groups(self) -> dict[str, Mapping[str, Any]]:
        """Return the groups as AWS describes them."""
        answer = self.service_client("autoscaling").describe_auto_scaling_groups()
        return {group["AutoScalingGroupName"]: group for group in answer["AutoScalingGroups"]}

    def agents_mode(self) -> str:
        """Return the agents' mode."""
        return str(self.service_client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"])

    def count_tokens(self, model: str, *, tokens: int, at: datetime, metric: str = "InputTokenCount") -> None:
        """Have Bedrock count tokens."""
        self.service_client("cloudwatch").put_metric_data(
            Namespace="AWS/Bedrock",
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "ModelId", "Value": model}],
                    "Timestamp": at,
                    "Value": tokens,
                    "Unit": "Count",
                }
            ],
        )


def environment_tags(role: str, environment: str = SIMULATED_ENVIRONMENT) -> dict[str, str]:
    """Return the tags of what belongs to an environment."""
    return {"project": "claudefs", "Environment": environment, "Role": role}


def group_tags(group: str, tags: Mapping[str, str], *, propagates: bool) -> list[dict[str, Any]]:
    """Return tags as Auto Scaling takes them."""
    return [
        {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagates,
        }
        for key, value in tags.items()
    ]


@contextmanager
def simulate_account() -> Iterator[SimulatedAccount]:
    """Provide an account with the guard's table, topic and parameter."""
    # Of moto's 1300 images one is enough, and making them all takes seconds.
    close_metric_gaps()
    one_image = patch.object(amis, "AMIS", amis.AMIS[:1])
    with patch.dict(os.environ, _CREDENTIALS), one_image, mock_aws():
        _uncounted_client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("day", "entry")],
            BillingMode="PAY_PER_REQUEST",
        )
        name = f"claudefs-{SIMULATED_ENVIRONMENT}-budget-alerts"
        topic = _uncounted_client("sns").create_topic(Name=name)["TopicArn"]
        _uncounted_client("ssm").put_parameter(Name=PARAMETER, Value="normal", Type="String")
        image = _uncounted_client("ec2").describe_images()["Images"][0]["ImageId"]
        own = _open_session()
        account = SimulatedAccount(
            session=_uncounted_session(), topic_arn=topic, calls=AwsCalls(session=own), ami=image
        )
        own.events.register_first("before-send", _count_calls(account))
        with patch.object(BotocoreStubber, "process_request", _quick_answers(account)):
            yield account


def _open_session() -> boto3.Session:
    """Return a session that shares the services' models with all others: reading them takes seconds."""
    core = botocore.session.Session()
    core.register_component("data_loader", _LOADER)
    return boto3.Session(botocore_session=core, region_name=REGION)


@cache
def _uncounted_session() -> boto3.Session:
    """Return the session of calls that are not the guard's, which all accounts share."""
    return _open_session()


@cache
def _uncounted_client(service: str) -> Any:
    """Return a client for all accounts; creating one takes longer than most calls."""
    return _uncounted_session().client(service)


def _quick_answers(account: SimulatedAccount) -> Callable[..., Any]:
    """Return what answers calls: moto, and descriptions of instances and volumes without it."""
    answer_by_moto = BotocoreStubber.process_request

    def answer_account(stubber: BotocoreStubber, request: Any) -> Any:
        body = request.body or ""
        quick = account.described.answer_call(body) if "ec2." in request.url else None
        return answer_by_moto(stubber, request) if quick is None else (200, {}, quick)

    def answer_quickly(stubber: BotocoreStubber, request: Any) -> Any:
        begun = time.process_time()
        try:
            fault = account.fault
            if fault is None or account.current_call != fault.call:
                return answer_account(stubber, request)
            return fault.answer_call(lambda: answer_account(stubber, request), request)
        finally:
            account.answering_seconds += time.process_time() - begun

    return answer_quickly


def _count_calls(account: SimulatedAccount) -> Callable[..., None]:
    def count_call(event_name: str, request: Any, **_: object) -> None:
        service, operation = event_name.split(".")[1:]
        account.current_call = f"{_IAM_PREFIXES.get(service, service)}:{operation}"
        account.counted[account.current_call] += 1
        if account.current_call == "cloudwatch:GetMetricData":
            account.metrics_read += len(json.loads(request.body)["MetricDataQueries"])

    return count_call
