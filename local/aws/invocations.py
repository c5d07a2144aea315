"""Invokes the account's Lambda functions: by the API, by EventBridge schedules, and by topics.

Invocations are not part of the journal, which serves one request at a time: functions send their own requests, and the
journal records those. A replay therefore does not run functions again.

Schedules fire only when the account's clock is moved: `PUT /_control/clock {"now": …, "rules": true}` runs each
rule that is due by then once. They do not fire as time passes, so an idle account does not change.
`GET /_control/functions` returns the latest runs, and the number of pending events.
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
"""Attempts of an asynchronous invocation:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_REGION = re.compile(r"Credential=[^/]+/[0-9]{8}/([^/]+)/lambda/aws4_request")
_RUNS_KEPT = 100
_LOG_TAIL_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class FunctionEvent:
    """An event for a function.

    Attributes:
        function: The function's ARN or name.
        region: The function's region.
        source: The sender: `api`, or a service's principal.
        payload: The event.
    """

    function: str
    region: str
    source: str
    payload: Any


@dataclass(frozen=True, kw_only=True)
class FinishedEvent:
    """The result of an event.

    Attributes:
        function: The function's ARN or name.
        source: The sender.
        attempts: Number of runs.
        error: The last run's error, as JSON, or the reason why there was none; "" for success.
    """

    function: str
    source: str
    attempts: int
    error: str


class Invoker:
    """Runs functions one at a time, as this project's functions reserve a concurrency of 1."""

    def __init__(self) -> None:
        """Create an invoker without events."""
        self._waiting: queue.Queue[tuple[FunctionEvent, str]] = queue.Queue()
        self._finished: deque[FinishedEvent] = deque(maxlen=_RUNS_KEPT)
        self._running = threading.Lock()
        self._worker: threading.Thread | None = None
        self._accepted: list[FunctionEvent] = []

    def accept_event(self, event: FunctionEvent) -> None:
        """Accept an event during a request; `dispatch_events` enqueues it, as the account's URL is not known here."""
        self._accepted.append(event)

    def dispatch_events(self, url: str) -> None:
        """Enqueue the accepted events."""
        while self._accepted:
            self.enqueue_event(self._accepted.pop(0), url=url)

    def forget_accepted(self) -> None:
        """Discard events accepted during a replay, as they ran with the original requests."""
        self._accepted.clear()

    def enqueue_event(self, event: FunctionEvent, *, url: str) -> None:
        """Enqueue an event."""
        self._waiting.put((event, url))
        # A forked copy of this process does not inherit the worker's thread.
        if self._worker is None or not self._worker.is_alive():
            self._worker = threading.Thread(target=self._work, daemon=True)
            self._worker.start()

    def describe_events(self) -> dict[str, Any]:
        """Return the latest results, and the number of events that are pending or running."""
        return {"pending": self._waiting.unfinished_tasks, "finished": [asdict(each) for each in self._finished]}

    def run_once(self, event: FunctionEvent, *, url: str) -> FunctionRun:
        """Run an event immediately.

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
        """Send a failed event to the function's dead-letter queue."""
        function = find_function(event.function, event.region)
        target = ((function.get_configuration().get("DeadLetterConfig") or {}) if function else {}).get("TargetArn", "")
        if ":sqs:" in target:
            sqs = OwnSession(url=url, region=event.region).open_client("sqs")
            address = sqs.get_queue_url(QueueName=target.rpartition(":")[2])["QueueUrl"]
            attributes = {"ErrorMessage": {"DataType": "String", "StringValue": error[:1024]}}
            sqs.send_message(QueueUrl=address, MessageBody=json.dumps(event.payload), MessageAttributes=attributes)


INVOKER = Invoker()
"""The invoker of this process's account."""


def accept_topic_messages() -> None:
    """Enqueue messages of topics for subscribed functions; moto runs those within the publishing request."""

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
    """Serve invocations of functions, and forward all other requests to `app`."""
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
    """Serve Lambda's Invoke: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""
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
    """Run each rule whose period has passed when the clock is moved, once even for several periods."""
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
    number, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression).groups()  # type: ignore[union-attr]  # EventBridge accepts no other rate
    return timedelta(**{f"{unit}s": int(number)})
