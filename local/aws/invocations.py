"""Invocations of the account's Lambda functions: by its API, by EventBridge's schedules, and by topics.

They take place outside the journal, which serves one request at a time: what a function does comes as requests of its
own, and the journal keeps these. A replay therefore runs nothing again.

Schedules count by the account's clock when somebody moves it: `PUT /_control/clock {"now": …, "rules": true}` runs each
rule that is due by then once. A machine's time alone runs nothing, so that an account that idles stays as it is.
`GET /_control/functions` says what ran last, and how many events wait.
"""

from __future__ import annotations

import base64
import io
import json
import queue
import re
import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from moto.awslambda.models import LambdaBackend
from werkzeug.wrappers import Request, Response

from local.aws.clock import CLOCK_PATH
from local.aws.functions import run_function
from local.aws.iam.account import find_function, scheduled_rules
from local.aws.own_clients import OwnSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from local.aws.clock import AccountClock
    from local.aws.functions import FunctionRun
    from local.aws.journal import RecordedAnswer

FUNCTIONS_PATH = "/_control/functions"
ASYNC_ATTEMPTS = 3
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_REGION = re.compile(r"Credential=[^/]+/[0-9]{8}/([^/]+)/lambda/aws4_request")
_RUNS_KEPT = 100
_LOG_TAIL_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class FunctionEvent:
    """An event that waits for its function.

    Attributes:
        function: The function's ARN or name.
        region: Where it is.
        source: Who sends it: `api`, or a service's principal.
        payload: The event.
    """

    function: str
    region: str
    source: str
    payload: Any


@dataclass(frozen=True, kw_only=True)
class FinishedEvent:
    """What became of an event.

    Attributes:
        function: The function.
        source: Who sent it.
        attempts: How often it ran.
        error: How it failed at last, as JSON, or "".
    """

    function: str
    source: str
    attempts: int
    error: str


class Invoker:
    """Runs functions, one at a time: the functions here reserve a concurrency of 1."""

    def __init__(self) -> None:
        """Begin with nothing to run."""
        self._waiting: queue.Queue[tuple[FunctionEvent, str]] = queue.Queue()
        self._finished: deque[FinishedEvent] = deque(maxlen=_RUNS_KEPT)
        self._running = threading.Lock()
        self._worker: threading.Thread | None = None
        self._accepted: list[FunctionEvent] = []

    def accept_event(self, event: FunctionEvent) -> None:
        """Take an event within a request, before it is known where the account answers."""
        self._accepted.append(event)

    def dispatch_events(self, url: str) -> None:
        """Let what was accepted run."""
        while self._accepted:
            self.enqueue_event(self._accepted.pop(0), url=url)

    def forget_accepted(self) -> None:
        """Leave out what a replay has accepted: it ran when the request came."""
        self._accepted.clear()

    def enqueue_event(self, event: FunctionEvent, *, url: str) -> None:
        """Let an event run when its turn comes."""
        self._waiting.put((event, url))
        # A copy of this process has no threads but its first.
        if self._worker is None or not self._worker.is_alive():
            self._worker = threading.Thread(target=self._work, daemon=True)
            self._worker.start()

    def describe_events(self) -> dict[str, Any]:
        """Return what ran last, and how many events wait or run."""
        return {"pending": self._waiting.unfinished_tasks, "finished": [asdict(each) for each in self._finished]}

    def run_once(self, event: FunctionEvent, *, url: str) -> FunctionRun:
        """Run an event now.

        Raises:
            LookupError: There is no such function.
        """
        with self._running:
            return run_function(event.function, event.region, event.payload, url=url)

    def _work(self) -> None:
        while True:
            event, url = self._waiting.get()
            try:
                self._finished.append(self._handle_event(event, url))
            finally:
                self._waiting.task_done()

    def _handle_event(self, event: FunctionEvent, url: str) -> FinishedEvent:
        errors: list[str] = []
        while len(errors) < ASYNC_ATTEMPTS:
            try:
                run = self.run_once(event, url=url)
            except LookupError as missing:
                return FinishedEvent(function=event.function, source=event.source, attempts=0, error=str(missing))
            if not run.error:
                return FinishedEvent(function=event.function, source=event.source, attempts=len(errors) + 1, error="")
            errors.append(run.payload)
        self._keep_failure(event, errors[-1], url)
        return FinishedEvent(function=event.function, source=event.source, attempts=len(errors), error=errors[-1])

    @staticmethod
    def _keep_failure(event: FunctionEvent, error: str, url: str) -> None:
        """Send an event that its function failed to handle to the function's queue."""
        function = find_function(event.function, event.region)
        target = ((function.get_configuration().get("DeadLetterConfig") or {}) if function else {}).get("TargetArn", "")
        if ":sqs:" in target:
            sqs = OwnSession(url=url, region=event.region).open_client("sqs")
            address = sqs.get_queue_url(QueueName=target.rpartition(":")[2])["QueueUrl"]
            attributes = {"ErrorMessage": {"DataType": "String", "StringValue": error[:1024]}}
            sqs.send_message(QueueUrl=address, MessageBody=json.dumps(event.payload), MessageAttributes=attributes)


INVOKER = Invoker()
"""The functions' invoker of the account that this process serves."""


def accept_topic_messages() -> None:
    """Let topics invoke the functions that subscribe to them; moto runs these within the request that publishes."""

    def send_sns_message(
        self: LambdaBackend, function_name: str, message: str, subject: str | None = None, qualifier: str | None = None
    ) -> None:
        del qualifier
        sns = {"Type": "Notification", "Subject": subject, "Message": message}
        payload = {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}
        event = FunctionEvent(
            function=function_name, region=self.region_name, source="sns.amazonaws.com", payload=payload
        )
        INVOKER.accept_event(event)

    LambdaBackend.send_sns_message = send_sns_message


def with_functions(
    app: WSGIApplication,
    *,
    clock: AccountClock,
    admit: Callable[[Request], RecordedAnswer | None],
    invoker: Invoker = INVOKER,
) -> WSGIApplication:
    """Run functions that are invoked, and leave all else to `app`."""
    invoker.forget_accepted()

    def serve_functions(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, url = environ["PATH_INFO"], f"http://{environ.get('HTTP_HOST', '')}"
        if path == FUNCTIONS_PATH:
            return Response(json.dumps(invoker.describe_events()), mimetype="application/json")(environ, start_response)
        if called := _INVOKE.fullmatch(path):
            return _answer_invocation(Request(environ), unquote(called[1]), url, admit, invoker)(
                environ, start_response
            )
        if path == CLOCK_PATH and environ["REQUEST_METHOD"] == "PUT":
            body = Request(environ).get_data()
            environ["wsgi.input"] = io.BytesIO(body)
            _start_due_rules(body, clock, invoker, url)
        try:
            return app(environ, start_response)
        finally:
            invoker.dispatch_events(url)

    return serve_functions


def _answer_invocation(
    request: Request,
    name: str,
    url: str,
    admit: Callable[[Request], RecordedAnswer | None],
    invoker: Invoker,
) -> Response:
    """Answer Lambda's Invoke: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""
    if (refusal := admit(request)) is not None:
        return Response(refusal.body, status=refusal.status, headers=refusal.headers)
    signed = _REGION.search(request.headers.get("Authorization", ""))
    region = signed[1] if signed else ""
    if find_function(name, region) is None:
        answer = {"Type": "User", "Message": f"Function not found: {name}"}
        headers = {"x-amzn-ErrorType": "ResourceNotFoundException"}
        return Response(json.dumps(answer), status=404, headers=headers, content_type="application/json")
    event = FunctionEvent(function=name, region=region, source="api", payload=json.loads(request.get_data() or b"{}"))
    kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    if kind == "DryRun":
        return Response(status=204)
    if kind == "Event":
        invoker.enqueue_event(event, url=url)
        return Response(status=202)
    run = invoker.run_once(event, url=url)
    headers = {"X-Amz-Executed-Version": "$LATEST", **({"X-Amz-Function-Error": run.error} if run.error else {})}
    if request.headers.get("X-Amz-Log-Type") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(run.log.encode()[-_LOG_TAIL_BYTES:]).decode()
    return Response(run.payload, headers=headers, content_type="application/json")


def _start_due_rules(body: bytes, clock: AccountClock, invoker: Invoker, url: str) -> None:
    """Start what a move of the clock by a rule's period or more makes due; one run stands for all that it passes."""
    told = json.loads(body or b"{}")
    if not told.get("rules"):
        return
    to = datetime.fromisoformat(told["now"])
    moved = to - clock.account_time()
    for rule in scheduled_rules():
        if moved < _rate_period(rule.scheduled_expression):
            continue
        event = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": rule.account_id,
            "time": f"{to:%Y-%m-%dT%H:%M:%SZ}",
            "region": rule.region_name,
            "resources": [rule.arn],
            "detail": {},
        }
        for target in rule.targets:
            if ":function:" in target["Arn"]:
                invoker.enqueue_event(
                    FunctionEvent(
                        function=target["Arn"], region=rule.region_name, source="events.amazonaws.com", payload=event
                    ),
                    url=url,
                )


def _rate_period(expression: str) -> timedelta:
    """Return the period of `rate(5 minutes)`."""
    number, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression).groups()  # type: ignore[union-attr]  # EventBridge takes no other rate
    return timedelta(**{f"{unit}s": int(number)})
