"""The account runs its Lambda functions: their own package, under their role, by each of what starts them."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.aws.cbor import with_cbor
from local.aws.clock import CLOCK_PATH, AccountClock
from local.aws.gaps.functions import close_function_gaps
from local.aws.iam.account import ACCOUNT_ID
from local.aws.invocations import ASYNC_ATTEMPTS, FUNCTIONS_PATH, Invoker, with_functions
from local.aws.own_clients import OwnSession
from local.aws.scheduling import with_clock
from tests.loopback_server import serve_on_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLER = """
import json, os, time
print(json.dumps({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [
    {"Namespace": "CFS/Cost", "Dimensions": [[]], "Metrics": [{"Name": "Spend", "Unit": "None"}]}]}, "Spend": 3}))

def handle(event, context):
    if "Records" in event:
        raise ValueError("messages are not for me")
    time.sleep(event.get("sleep", 0))
    if event.get("import"):
        __import__(event["import"])
    return {"event": event, "function": context.function_name, "greeting": os.environ["GREETING"],
            "key": os.environ["AWS_ACCESS_KEY_ID"][:4], "left": context.get_remaining_time_in_millis() > 0}
"""
NAME, HURRIED, REGION, GROUP = "greeter", "hurried-greeter", "us-west-2", "/cfs/prod"


class Account:
    """A served account with one function."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = OwnSession(url=url, region=REGION)
        self.queue = self.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
        role = self.client("iam").create_role(RoleName="greeter", AssumeRolePolicyDocument=json.dumps(trust))
        self.client("logs").create_log_group(logGroupName=f"{GROUP}/{NAME}")
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("hello/__init__.py", HANDLER)
        self.arn, _ = [
            self.client("lambda").create_function(
                FunctionName=name,
                Role=role["Role"]["Arn"],
                Runtime="python3.13",
                Handler="hello.handle",
                Code={"ZipFile": package.getvalue()},
                Timeout=seconds,
                Environment={"Variables": {"GREETING": "hi"}},
                DeadLetterConfig={"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:failures"},
                LoggingConfig={"LogGroup": f"{GROUP}/{name}", "LogFormat": "Text"},
            )["FunctionArn"]
            for name, seconds in ((NAME, 60), (HURRIED, 1))
        ]

    def client(self, service: str) -> Any:
        return self.session.open_client(service)

    def invoke(self, function: str = NAME, **event: Any) -> dict[str, Any]:
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        return {"error": answer.get("FunctionError"), **json.load(answer["Payload"])}

    def move_clock(self, by: timedelta, **options: bool) -> None:
        body = json.dumps({"now": (datetime.now(UTC) + by).isoformat(), **options}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}{CLOCK_PATH}", data=body, method="PUT"), timeout=10)

    def finished_events(self, source: str) -> list[dict[str, Any]]:
        """Wait until nothing runs, and return what the events of a service became."""
        for _ in range(200):
            with urllib.request.urlopen(f"{self.url}{FUNCTIONS_PATH}", timeout=10) as answer:
                told = json.load(answer)
            if not told["pending"]:
                break
            time.sleep(0.05)
        return [event for event in told["finished"] if event["source"] == f"{source}.amazonaws.com"]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    close_function_gaps()
    clock, invoker = AccountClock(), Invoker()
    app = with_clock(DomainDispatcherApplication(create_backend_app), clock)
    with (
        pytest.MonkeyPatch.context() as patch,
        serve_on_loopback(with_cbor(with_functions(app, clock=clock, admit=lambda _: None, invoker=invoker))) as url,
    ):
        patch.setattr("local.aws.invocations.INVOKER", invoker)
        urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=10)
        yield Account(url)


def test_an_invocation_runs_the_package_with_its_settings_under_its_role(account: Account) -> None:
    assert account.invoke(a=1) == {
        "error": None,
        "event": {"a": 1},
        "function": NAME,
        "greeting": "hi",
        "key": "ASIA",
        "left": True,
    }
    group = f"{GROUP}/{NAME}"
    stream = account.client("logs").describe_log_streams(logGroupName=group)["logStreams"][0]
    lines = account.client("logs").get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert [line["message"].partition(" ")[0] for line in lines[::2]] == ["START", "END"]
    [metric] = account.client("cloudwatch").list_metrics(Namespace="CFS/Cost")["Metrics"]
    assert metric["MetricName"] == "Spend"


def test_a_package_finds_what_the_runtime_brings_and_nothing_else_of_this_environment(account: Account) -> None:
    assert account.invoke(**{"import": "jmespath"})["error"] is None

    assert account.invoke(**{"import": "pydantic"})["errorType"] == "ModuleNotFoundError"


def test_a_run_ends_at_the_functions_time_limit(account: Account) -> None:
    assert account.invoke(HURRIED, sleep=5)["errorMessage"] == "Task timed out after 1.00 seconds"


def test_a_move_of_the_clock_runs_a_rule_that_is_due_if_it_is_told_to(account: Account) -> None:
    account.client("events").put_rule(Name="tick", ScheduleExpression="rate(5 minutes)")
    account.client("events").put_targets(Rule="tick", Targets=[{"Id": "greeter", "Arn": account.arn}])

    account.move_clock(timedelta(minutes=6))
    account.move_clock(timedelta(minutes=8), rules=True)
    assert account.finished_events("events") == []

    account.move_clock(timedelta(minutes=20), rules=True)
    [event] = account.finished_events("events")
    assert (event["attempts"], event["error"]) == (1, "")


def test_a_message_runs_its_subscriber_and_one_that_fails_three_times_stands_in_the_queue(account: Account) -> None:
    sns = account.client("sns")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    unsent = json.dumps({"sender": [{"exists": False}]})
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=account.arn, Attributes={"FilterPolicy": unsent})
    sns.publish(
        TopicArn=topic, Message="own", MessageAttributes={"sender": {"DataType": "String", "StringValue": "guard"}}
    )
    sns.publish(TopicArn=topic, Subject="Budget", Message="80 %")

    [event] = account.finished_events("sns")
    assert (event["attempts"], json.loads(event["error"])["errorType"]) == (ASYNC_ATTEMPTS, "ValueError")
    [failed] = account.client("sqs").receive_message(QueueUrl=account.queue)["Messages"]
    assert json.loads(failed["Body"])["Records"][0]["Sns"]["Message"] == "80 %"
