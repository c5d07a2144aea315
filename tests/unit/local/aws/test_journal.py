"""Which requests the journal keeps, and what a replay of them gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request

from local.aws.clock import AccountClock
from local.aws.journal import Journal, changes_account

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

FORM = "application/x-www-form-urlencoded"


class Recorder:
    """An application that notes what reaches it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        self.seen.append((request.method, request.full_path.rstrip("?"), request.get_data()))
        start_response("200 OK", [])
        return [b"done"]


def request(method: str, *, target: str | None = None, body: str = "", content_type: str = "") -> Request:
    headers = [("X-Amz-Target", target)] if target else []
    return Request(
        EnvironBuilder(method=method, path="/", data=body, content_type=content_type, headers=headers).get_environ()
    )


@pytest.mark.parametrize(
    "asked, changes",
    [
        (request("POST", body="Action=DescribeVpcs&Version=1", content_type=FORM), False),
        (request("POST", body="Action=CreateVpc&Version=1", content_type=FORM), True),
        (request("POST", target="AWSBudgetServiceGateway.DescribeBudget"), False),
        (request("POST", target="AWSBudgetServiceGateway.CreateBudget"), True),
        (request("POST", target="AmazonSSM.GetParameter"), False),
        (request("POST", body="Action=AssumeRole&Version=1", content_type=FORM), True),
        (request("GET"), False),
        (request("HEAD"), False),
        (request("PUT"), True),
        (request("DELETE"), True),
        (request("POST"), True),
    ],
)
def test_a_request_is_kept_by_its_operation_or_else_its_method(asked: Request, *, changes: bool) -> None:
    assert changes_account(asked) is changes


def test_a_restart_replays_the_changes_in_order_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "account.jsonl"
    client = Client(Journal(Recorder(), path, clock=AccountClock()))
    client.put("/bucket?versioning", data=b"<on/>")
    client.get("/bucket")
    client.delete("/bucket")

    after = Recorder()
    journal = Journal(after, path, clock=AccountClock())

    assert after.seen == [("PUT", "/bucket?versioning", b"<on/>"), ("DELETE", "/bucket", b"")]
    assert journal.change_count == 2


def test_the_application_gets_the_whole_body(tmp_path: Path) -> None:
    app = Recorder()
    Client(Journal(app, tmp_path / "account.jsonl", clock=AccountClock())).post("/", data=b"x" * 100_000)
    assert app.seen == [("POST", "/", b"x" * 100_000)]


def test_a_line_torn_by_a_kill_is_dropped_and_the_journal_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "account.jsonl"
    Client(Journal(Recorder(), path, clock=AccountClock())).put("/one")
    with path.open("a") as file:
        file.write('{"method": "PUT", "path": "/tw')

    app = Recorder()
    Client(Journal(app, path, clock=AccountClock())).put("/three")

    assert [seen[1] for seen in app.seen] == ["/one", "/three"]
    assert [json.loads(line)["path"] for line in path.read_text().splitlines()] == ["/one", "/three"]


def test_a_call_that_is_sent_again_is_answered_again_and_carried_out_once(tmp_path: Path) -> None:
    app = Recorder()
    client = Client(Journal(app, tmp_path / "account.jsonl", clock=AccountClock()))
    first = client.put("/one", headers={"Amz-Sdk-Invocation-Id": "call-1", "Amz-Sdk-Request": "attempt=1; max=25"})
    again = client.put("/one", headers={"Amz-Sdk-Invocation-Id": "call-1", "Amz-Sdk-Request": "attempt=2; max=25"})
    client.put("/one", headers={"Amz-Sdk-Invocation-Id": "call-2"})
    assert (again.status, again.data) == (first.status, first.data)
    assert [seen[1] for seen in app.seen] == ["/one", "/one"]


def test_a_reading_call_is_always_carried_out(tmp_path: Path) -> None:
    app = Recorder()
    client = Client(Journal(app, tmp_path / "account.jsonl", clock=AccountClock()))
    for _ in range(2):
        client.get("/one", headers={"Amz-Sdk-Invocation-Id": "call-1"})
    assert len(app.seen) == 2


def test_a_call_that_the_account_does_not_implement_is_refused_and_a_restart_goes_on(tmp_path: Path) -> None:
    def lack_operation(_: WSGIEnvironment, __: StartResponse) -> Iterable[bytes]:
        raise NotImplementedError("GenerateReport")

    path = tmp_path / "account.jsonl"
    answer = Client(Journal(lack_operation, path, clock=AccountClock())).put("/one")

    assert (answer.status_code, answer.text) == (501, "<html>GenerateReport</html>")
    assert Journal(lack_operation, path, clock=AccountClock()).change_count == 1
