"""Locks, leftover processes and adopted resources: the parts that need no engine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from moto import mock_aws

from cfs.aws import AwsAccount
from cfs.recovery.pending_operations import IMPORT_ID_MAKERS, has_pending, identify_resource, recorded_ids, with_entries
from cfs.recovery.tagged_resources import LISTINGS, TaggedResource, find_tagged_resources
from infra.github.jobs_access import JOB_POLICIES, POLICY_TABLES
from infra.tags import Tags
from local import leftovers
from local.account import RUN_MARKER_VARIABLE, LocalAccount
from local.engine import LocalEngine
from terminal.errors import UserError
from tests.unit.infra.conftest import job_scope
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_PROCESS = 2**22 + 1
"""Above the largest number that Linux gives."""

ROLE = "aws:iam/role:Role"
INSTANCE = "aws:ec2/instance:Instance"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"


@pytest.fixture
def engine(tmp_path: Path) -> LocalEngine:
    toolchain = Toolchain(origin="path", version="3", path=(), env={})
    return LocalEngine(account=LocalAccount(folder=tmp_path, toolchain=toolchain, aws_url="", github_url=""))


def write_lock(engine: LocalEngine, *, pid: int, taken: float, hostname: str = "") -> Path:
    path = (
        engine.account.backend_folder / ".pulumi" / "locks" / "organization" / "claudefs-infra" / "local" / "lock.json"
    )
    path.parent.mkdir(parents=True)
    # The engine writes nanoseconds.
    moment = f"{datetime.fromtimestamp(taken, UTC):%Y-%m-%dT%H:%M:%S.%f}789Z"
    path.write_text(
        json.dumps({"pid": pid, "username": "user", "hostname": hostname or socket.gethostname(), "timestamp": moment})
    )
    return path


@contextmanager
def process(marker: str = "", code: str = "import time; time.sleep(60)") -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {RUN_MARKER_VARIABLE: marker})
    try:
        # The process has its parent's environment until it runs its own program.
        while psutil.Process(started.pid).environ().get(RUN_MARKER_VARIABLE) != marker:
            time.sleep(0.01)
        yield started
    finally:
        started.kill()
        started.wait()


def test_the_lock_of_a_run_at_work_is_respected(engine: LocalEngine) -> None:
    lock = write_lock(engine, pid=os.getpid(), taken=time.time())
    with pytest.raises(UserError, match=f"Process {os.getpid()} has been at work"):
        leftovers.clear_dead_run(engine.account)
    assert lock.exists()


def test_the_lock_of_a_dead_run_is_removed(engine: LocalEngine) -> None:
    lock = write_lock(engine, pid=NO_PROCESS, taken=time.time())
    assert leftovers.clear_dead_run(engine.account)
    assert list(lock.parent.iterdir()) == []


def test_the_lock_of_a_process_whose_id_was_reused_is_removed(engine: LocalEngine) -> None:
    lock = write_lock(engine, pid=os.getpid(), taken=psutil.Process().create_time() - 60)
    assert leftovers.clear_dead_run(engine.account)
    assert not lock.exists()


def test_the_lock_of_a_zombie_process_is_removed(engine: LocalEngine) -> None:
    with process() as killed:
        lock = write_lock(engine, pid=killed.pid, taken=time.time())
        killed.kill()
        while psutil.Process(killed.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert leftovers.clear_dead_run(engine.account)
    assert not lock.exists()


def test_the_lock_of_another_machine_is_respected_and_named(engine: LocalEngine) -> None:
    lock = write_lock(engine, pid=NO_PROCESS, taken=time.time(), hostname="elsewhere.example")
    with pytest.raises(UserError, match=r"elsewhere\.example") as raised:
        leftovers.clear_dead_run(engine.account)
    assert str(lock) in raised.value.repair


@pytest.mark.parametrize("torn", ["", '{"pid": 1, "hostna', "null", "{}", '{"pid": null, "timestamp": 3}'])
def test_a_torn_lock_is_removed(engine: LocalEngine, torn: str) -> None:
    lock = write_lock(engine, pid=os.getpid(), taken=time.time())
    lock.write_text(torn)
    assert leftovers.clear_dead_run(engine.account)
    assert not lock.exists()


def test_without_a_lock_no_run_has_died(engine: LocalEngine) -> None:
    assert not leftovers.clear_dead_run(engine.account)


def test_leftover_processes_of_this_account_are_ended_and_no_others(engine: LocalEngine) -> None:
    with process(engine.account.run_marker) as ours, process("/another/account") as other, process() as unmarked:
        leftovers.clear_dead_run(engine.account)
        assert ours.wait(5) != 0
        assert other.poll() is None
        assert unmarked.poll() is None


def test_processes_of_a_living_engine_are_left_alone(engine: LocalEngine, tmp_path: Path) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_bytes(b"#!/bin/sh\nsleep 60 &\nwait\n")
    pulumi.chmod(0o755)
    started = subprocess.Popen([pulumi], env=os.environ | {RUN_MARKER_VARIABLE: engine.account.run_marker})
    try:
        while not (children := psutil.Process(started.pid).children()):
            time.sleep(0.01)
        assert leftovers.find_leftover_processes(engine.account) == []
        started.kill()
        started.wait()
        assert leftovers.find_leftover_processes(engine.account) == children
        leftovers.end_leftover_processes(engine.account)
        assert leftovers.find_leftover_processes(engine.account) == []
    finally:
        started.kill()


def resource(kind: str, *, inputs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:local::p::{kind}::name"
    return {"urn": urn, "type": kind, "custom": True, "inputs": inputs, **fields}


def tagged(name: str) -> dict[str, Any]:
    return {"tags": {"Name": name}}


INVENTORY = [
    TaggedResource(type=ROLE, id="same", name="role"),
    TaggedResource(type=PROFILE, id="same", name="profile"),
    TaggedResource(type="aws:ec2/vpc:Vpc", id="vpc-old", name="vpc"),
    TaggedResource(type="aws:ec2/vpc:Vpc", id="vpc-new", name="vpc"),
]


def test_a_resource_is_found_by_its_type_and_name() -> None:
    assert identify_resource(resource(ROLE, inputs=tagged("role")), INVENTORY, frozenset()) == "same"
    assert identify_resource(resource(ROLE, inputs=tagged("profile")), INVENTORY, frozenset()) is None


def test_a_role_and_its_profile_may_share_an_id() -> None:
    recorded = recorded_ids({"resources": [resource(ROLE, inputs={}, id="same")]})
    assert identify_resource(resource(PROFILE, inputs=tagged("profile")), INVENTORY, recorded) == "same"
    assert identify_resource(resource(ROLE, inputs=tagged("role")), INVENTORY, recorded) is None


def test_a_replacement_is_distinguished_from_the_recorded_resource() -> None:
    recorded = frozenset({("aws:ec2/vpc:Vpc", "vpc-old")})
    assert identify_resource(resource("aws:ec2/vpc:Vpc", inputs=tagged("vpc")), INVENTORY, recorded) == "vpc-new"


def test_a_resource_without_tags_and_import_id_is_not_identified() -> None:
    nameless = [TaggedResource(type="aws:s3/bucketPolicy:BucketPolicy", id="x", name="")]
    assert identify_resource(resource(nameless[0].type, inputs={}), nameless, frozenset()) is None


@pytest.mark.parametrize(
    "kind,inputs,identifier",
    [
        ("aws:ec2/route:Route", {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}, "rtb-1_0.0.0.0/0"),
        (
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            {"routeTableId": "rtb-1", "subnetId": "subnet-1"},
            "subnet-1/rtb-1",
        ),
        (
            "github:index/actionsVariable:ActionsVariable",
            {"repository": "repo", "variableName": "NAME"},
            "repo:NAME",
        ),
    ],
)
def test_a_resource_without_tags_is_identified_by_its_import_id(
    kind: str, inputs: dict[str, str], identifier: str
) -> None:
    assert identify_resource(resource(kind, inputs=inputs), [], frozenset()) == identifier


def test_a_new_entry_is_added_at_the_end() -> None:
    old = resource(ROLE, inputs={}, id="a")
    new = resource(PROFILE, inputs={}, id="b")
    assert with_entries([old], [new]) == [old, new]


def test_a_replacement_comes_before_the_entry_that_it_replaces() -> None:
    old = resource(ROLE, inputs={}, id="old")
    new = resource(ROLE, inputs={}, id="new")
    dependent = resource(PROFILE, inputs={}, id="b")
    assert with_entries([old, dependent], [new]) == [new, {**old, "delete": True}, dependent]


def test_an_entry_comes_before_what_depends_on_it_and_else_last() -> None:
    new, other = (resource(of, inputs={}, id="new") for of in (ROLE, INSTANCE))
    dependent = resource(PROFILE, inputs={}, id="b", dependencies=[new["urn"]])
    assert with_entries([dependent], [other, new]) == [new, dependent, other]


def test_new_entries_come_after_those_on_which_they_depend() -> None:
    new = resource(ROLE, inputs={}, id="new")
    of_new = resource(INSTANCE, inputs={}, id="new", dependencies=[new["urn"]])
    dependent = resource(PROFILE, inputs={}, id="b", dependencies=[of_new["urn"]])
    assert with_entries([dependent], [of_new, new]) == [new, of_new, dependent]


def test_an_entry_does_not_replace_one_that_is_marked_for_deletion() -> None:
    condemned = resource(ROLE, inputs={}, id="old", delete=True)
    new = resource(ROLE, inputs={}, id="new")
    assert with_entries([condemned], [new]) == [condemned, new]


def write_checkpoint(engine: LocalEngine, latest: dict[str, Any] | None) -> None:
    engine.checkpoint_file.parent.mkdir(parents=True)
    engine.checkpoint_file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))


def test_a_stack_that_does_not_exist_has_nothing_pending(engine: LocalEngine) -> None:
    assert not has_pending(engine)


@pytest.mark.parametrize(
    "latest,expected",
    [
        (None, False),
        ({"resources": None}, False),
        ({"resources": [resource(ROLE, inputs={}, id="a", outputs={"arn": "a"})]}, False),
        ({"resources": [{"urn": "u", "type": "claudefs:infra:Network", "custom": False}]}, False),
        ({"resources": [{"urn": "u", "type": "pulumi:providers:aws", "custom": True, "id": "a"}]}, False),
        ({"pending_operations": [{"type": "creating"}]}, True),
        # A recovery died between its import and its refresh.
        ({"resources": [resource(ROLE, inputs={}, id="a")]}, True),
        ({"resources": [resource(INSTANCE, inputs={}, id="a", outputs={"volumeTags": {}})]}, True),
        ({"resources": [resource(INSTANCE, inputs={}, id="a", outputs={"volumeTags": {}, "id": "a"})]}, False),
    ],
)
def test_unfinished_work_is_seen_in_the_checkpoint(
    engine: LocalEngine, latest: dict[str, Any] | None, *, expected: bool
) -> None:
    write_checkpoint(engine, latest)
    assert has_pending(engine) is expected


CALLED_OTHERWISE = {
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "iam:GetOpenIdConnectProvider": "iam:GetOpenIDConnectProvider",
    "iam:ListOpenIdConnectProviders": "iam:ListOpenIDConnectProviders",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
}
"""Calls of the inventory whose IAM action has another name."""


def test_a_job_that_deploys_may_look_for_everything_that_a_dead_run_may_have_created() -> None:
    tables = [table for name in JOB_POLICIES["deploy"] for table, _ in POLICY_TABLES[name]]
    allowed = {action for table in tables for right in table(job_scope()) for action in right.actions}
    searched = [listing for listing in LISTINGS if listing.type not in IMPORT_ID_MAKERS]
    called = {(listing.service, listing.operation) for listing in searched}
    called |= {(listing.service, listing.tag_call.operation) for listing in searched if listing.tag_call}
    actions = {f"{service}:{''.join(map(str.capitalize, name.split('_')))}" for service, name in called}
    assert len(actions) > 20
    assert {CALLED_OTHERWISE.get(action, action) for action in actions} - allowed == set()


@pytest.fixture
def aws(one_image: None) -> Iterator[AwsAccount]:  # noqa: ARG001
    """An account at AWS's own addresses, where moto answers in this process."""
    session = boto3.Session(region_name="us-west-2", aws_access_key_id="test", aws_secret_access_key="test")
    with mock_aws():
        yield AwsAccount(session=session)


def test_the_inventory_finds_resources_with_the_stacks_tags(aws: AwsAccount) -> None:
    ec2 = boto3.client("ec2", region_name="us-west-2")
    s3 = boto3.client("s3", region_name="us-west-2")
    ours = [
        {"Key": key, "Value": value}
        for key, value in Tags(environment="local", owner="team").for_resource("x", role="network").items()
    ]
    foreign = [{"Key": "project", "Value": "claudefs"}, {"Key": "Environment", "Value": "prod"}]
    vpcs = [
        ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
        for tags in (ours, foreign)
    ]
    for name, tags in (("ours", ours), ("foreign", foreign), ("untagged", [])):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        if tags:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    topic = boto3.client("sns", region_name="us-west-2").create_topic(Name="alerts", Tags=ours)
    iam = boto3.client("iam")
    role = "claudefs-local-x"
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}", Tags=ours)
    iam.create_instance_profile(InstanceProfileName=role, Tags=ours)

    plain = {tag["Key"]: tag["Value"] for tag in ours}
    queue = boto3.client("sqs", region_name="us-west-2").create_queue(QueueName=role, tags=plain)
    ssm = boto3.client("ssm", region_name="us-west-2")
    ssm.put_parameter(Name=role, Type="String", Value="normal", Tags=ours)
    key = {"AttributeName": "day"}
    boto3.client("dynamodb", region_name="us-west-2").create_table(
        TableName=role,
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=ours,
    )

    # moto has no tags of budgets, and no monitors of cost anomalies.
    listings = [listing for listing in LISTINGS if listing.service not in ("budgets", "ce")]
    name = "claudefs-local-x"
    assert sorted(find_tagged_resources(aws, "local", listings=listings), key=lambda found: found.type) == [
        TaggedResource(type="aws:dynamodb/table:Table", id=role, name=name),
        TaggedResource(type="aws:ec2/vpc:Vpc", id=vpcs[0]["Vpc"]["VpcId"], name=name),
        TaggedResource(type=PROFILE, id=role, name=name),
        TaggedResource(type=ROLE, id=role, name=name),
        TaggedResource(type="aws:s3/bucket:Bucket", id="ours", name=name),
        TaggedResource(type="aws:sns/topic:Topic", id=topic["TopicArn"], name=name),
        TaggedResource(type="aws:sqs/queue:Queue", id=queue["QueueUrl"], name=name),
        TaggedResource(type="aws:ssm/parameter:Parameter", id=role, name=name),
    ]


def test_the_inventory_omits_terminated_instances(aws: AwsAccount) -> None:
    ec2 = boto3.client("ec2", region_name="us-west-2")
    tags = [
        {"Key": key, "Value": value}
        for key, value in Tags(environment="local", owner="team").for_resource("node", role="orchestrator").items()
    ]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    started = ec2.run_instances(
        ImageId=image, MinCount=2, MaxCount=2, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )["Instances"]
    ec2.terminate_instances(InstanceIds=[started[0]["InstanceId"]])
    listings = [listing for listing in LISTINGS if listing.service == "ec2"]
    assert find_tagged_resources(aws, "local", listings=listings) == [
        TaggedResource(type="aws:ec2/instance:Instance", id=started[1]["InstanceId"], name="claudefs-local-node")
    ]


def test_the_inventory_has_auto_scaling_groups_and_templates_and_none_of_their_instances(aws: AwsAccount) -> None:
    ec2, autoscaling = (boto3.client(service, region_name="us-west-2") for service in ("ec2", "autoscaling"))
    tags = [
        {"Key": key, "Value": value}
        for key, value in Tags(environment="local", owner="team").for_resource("fio", role="client").items()
    ]
    template = ec2.create_launch_template(
        LaunchTemplateName="fio",
        LaunchTemplateData={"ImageId": ec2.describe_images()["Images"][0]["ImageId"], "InstanceType": "c7a.xlarge"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
    )["LaunchTemplate"]
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="claudefs-local-fio",
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]},
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=["us-west-2a"],
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in tags],
    )
    assert ec2.describe_instances()["Reservations"]

    listings = [listing for listing in LISTINGS if listing.service in ("ec2", "autoscaling")]
    assert find_tagged_resources(aws, "local", listings=listings) == [
        TaggedResource(
            type="aws:ec2/launchTemplate:LaunchTemplate", id=template["LaunchTemplateId"], name="claudefs-local-fio"
        ),
        TaggedResource(type="aws:autoscaling/group:Group", id="claudefs-local-fio", name="claudefs-local-fio"),
    ]
