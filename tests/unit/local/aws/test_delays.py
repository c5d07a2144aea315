"""Changes that take time on AWS pass through AWS's states, and other services learn of new names late."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from local.aws.api_rules.propagation import PROPAGATION_RULES
from local.aws.clock import CLOCK_PATH, AccountClock
from local.aws.conditions import ACCOUNT_CONDITIONS, CONDITIONS_PATH, Conditions
from local.aws.conditions_control import with_conditions_control
from local.aws.gaps.delays import LAUNCH_SECONDS, NAT_GATEWAY_SECONDS, STOP_SECONDS, TERMINATION_SECONDS
from local.aws.iam.account import ACCOUNT_ID
from local.aws.journal import Journal
from local.aws.scheduling import due_request_source, with_clock
from tests.conftest import IMAGE
from tests.mocked_clients import mocked_client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from tests.unit.local.aws.conftest import StoppedClock

RULES = {rule.name: rule for rule in PROPAGATION_RULES}
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/guard"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def launch() -> str:
    ec2 = mocked_client("ec2")
    return str(ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"])


def state(instance: str) -> str:
    [found] = mocked_client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found["Instances"][0]["State"]["Name"])


def test_an_instance_passes_the_states_of_its_life(slow_account: StoppedClock) -> None:
    ec2 = mocked_client("ec2")
    instance = launch()
    seen = [state(instance)]
    for change, seconds in (
        (None, LAUNCH_SECONDS),
        (ec2.stop_instances, STOP_SECONDS),
        (ec2.start_instances, LAUNCH_SECONDS),
        (ec2.terminate_instances, TERMINATION_SECONDS),
    ):
        if change is not None:
            change(InstanceIds=[instance])
            seen.append(state(instance))
        slow_account.pass_seconds(seconds - 1)
        assert state(instance) == seen[-1]
        slow_account.pass_seconds(1)
        seen.append(state(instance))
    assert seen == [
        *("pending", "running"),
        *("stopping", "stopped"),
        *("pending", "running"),
        *("shutting-down", "terminated"),
    ]


def test_an_instance_that_is_terminated_while_it_starts_does_not_run(slow_account: StoppedClock) -> None:
    instance = launch()
    mocked_client("ec2").terminate_instances(InstanceIds=[instance])
    slow_account.pass_seconds(TERMINATION_SECONDS)
    assert state(instance) == "terminated"


def test_the_scale_shortens_all_delays(slow_account: StoppedClock) -> None:
    ACCOUNT_CONDITIONS.switch(Conditions(delays=True, scale=0.1))
    instance = launch()
    slow_account.pass_seconds(LAUNCH_SECONDS / 10)
    assert state(instance) == "running"


def test_a_nat_gateway_is_pending_at_first_and_deleting_at_last(slow_account: StoppedClock) -> None:
    ec2 = mocked_client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]

    def look() -> str:
        return str(ec2.describe_nat_gateways(NatGatewayIds=[gateway["NatGatewayId"]])["NatGateways"][0]["State"])

    seen = [look()]
    slow_account.pass_seconds(NAT_GATEWAY_SECONDS)
    seen.append(look())
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    seen.append(look())
    slow_account.pass_seconds(NAT_GATEWAY_SECONDS)
    assert [*seen, look()] == ["pending", "available", "deleting", "deleted"]


def policy(principal: str) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "*"}]})


TEMPLATE: dict[str, Any] = {"LaunchTemplate": {"LaunchTemplateName": "nodes"}}
NEW_NAMES = {
    "EC2 knows a new instance profile after some seconds": {"IamInstanceProfile": {"Name": "guard"}},
    "Auto Scaling knows a template's new instance profile after some seconds": TEMPLATE,
    "Lambda knows a new role after some seconds": {"Role": ROLE},
    "Lambda knows a role's right to send to a queue after some seconds": {"Role": ROLE, "DeadLetterConfig": {"T": ""}},
    "Scheduler knows a new role after some seconds": {"Target": {"RoleArn": ROLE}},
    "bucket policies name known principals": {"Policy": policy(ROLE)},
    "key policies name known principals": {"Policy": policy(ROLE)},
    "trust policies of new roles name known principals": {"AssumeRolePolicyDocument": policy(ROLE)},
    "trust policies name known principals": {"PolicyDocument": policy(ROLE)},
    "a new bucket can be configured after a moment": {"Bucket": "artifacts"},
    "a new role can be read after a moment": {"RoleName": "guard"},
    "a new instance profile can be read after a moment": {"InstanceProfileName": "guard"},
    "a new managed policy can be read after a moment": {"PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/guard"},
}


def test_each_rule_of_propagation_has_a_new_name() -> None:
    assert sorted(NEW_NAMES) == sorted(RULES)


def test_a_new_name_is_refused_at_first_and_accepted_later(slow_account: StoppedClock) -> None:
    iam = mocked_client("iam")
    iam.create_role(RoleName="guard", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="guard")
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    )
    iam.create_policy(PolicyName="guard", PolicyDocument=document)
    iam.put_role_policy(RoleName="guard", PolicyName="send", PolicyDocument=document)
    mocked_client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    mocked_client("ec2").create_launch_template(
        LaunchTemplateName="nodes", LaunchTemplateData={"IamInstanceProfile": {"Name": "guard"}}
    )
    refused = {name for name, parameters in NEW_NAMES.items() if RULES[name].find_fault(parameters)}
    assert refused == set(NEW_NAMES)
    slow_account.pass_seconds(10)
    assert {name: RULES[name].find_fault(parameters) for name, parameters in NEW_NAMES.items()} == dict.fromkeys(
        NEW_NAMES, ""
    )


@pytest.mark.parametrize("principal", [f"arn:aws:iam::{ACCOUNT_ID}:root", "*", "arn:aws:iam::444455556666:role/other"])
@pytest.mark.usefixtures("slow_account")
def test_principals_that_are_not_of_this_account_are_not_looked_up(principal: str) -> None:
    assert RULES["bucket policies name known principals"].find_fault({"Policy": policy(principal)}) == ""


@pytest.mark.parametrize("given", [{"delay": True}, {"faultShare": 1}, {"scale": 0}])
def test_conditions_that_do_not_exist_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown: delay; known: delays|faultShare is at least 0"):
        Conditions.from_json(given)


def test_conditions_survive_their_way_through_a_request() -> None:
    conditions = Conditions(delays=True, scale=0.5, quotas=True, spot_capacity=False, fault_share=0.1, seed=3)
    assert Conditions.from_json(conditions.to_json()) == conditions


def start_account(journal: Path) -> tuple[Client, list[datetime]]:
    """Start an account that delays a change at each request to `/change`, and return the times of the changes."""
    clock = AccountClock()
    made: list[datetime] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/change":
            ACCOUNT_CONDITIONS.delay_change(30, lambda: made.append(ACCOUNT_CONDITIONS.account_time()))
        return Response("done")(environ, start_response)

    ACCOUNT_CONDITIONS.use_clock(clock.account_time)
    whole = with_conditions_control(with_clock(app, clock), ACCOUNT_CONDITIONS)
    return Client(Journal(whole, journal, clock=clock, next_due_request=due_request_source(clock))), made


@pytest.mark.usefixtures("slow_account")
def test_a_change_that_is_delayed_across_a_restart_is_made_once_and_when_it_is_due(tmp_path: Path) -> None:
    client, made = start_account(tmp_path / "account.jsonl")
    client.put(CONDITIONS_PATH, data=json.dumps({"delays": True}))
    client.post("/change")
    asked = ACCOUNT_CONDITIONS.account_time()
    assert made == []

    ACCOUNT_CONDITIONS.make_changes(datetime.max.replace(tzinfo=UTC))
    client, made = start_account(tmp_path / "account.jsonl")
    client.get("/")
    assert made == []
    client.put(CLOCK_PATH, data=json.dumps({"now": (asked + timedelta(hours=1)).isoformat()}))
    client.get("/")
    [changed] = made
    assert abs((changed - asked).total_seconds() - 30) < 5
