"""Checks requests before the emulated account executes them, and counts what was checked.

`GET /_control/checks` returns the counts since the account's start: operations with their calls and checked
parameters, requests that could not be read, and the latest refusals. `PUT` with `{"on": false}` switches checks off.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from local.aws.actions import called_operation
from local.aws.api_rules.access import ACCESS_RULES
from local.aws.api_rules.account_limits import ACCOUNT_RULES
from local.aws.api_rules.ec2 import EC2_RULES
from local.aws.api_rules.propagation import PROPAGATION_RULES
from local.aws.api_rules.scaling import scaling_rules
from local.aws.api_rules.service_models import find_model_faults
from local.aws.api_rules.services import SERVICE_RULES
from local.aws.api_rules.tags import TAG_RULES
from local.aws.iam.api_request import parse_parameters
from local.aws.iam.refusals import BAD_REQUEST, refuse_request, request_protocol
from local.control_api import CONTROL_PREFIX, answer_json, with_control

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from wsgiref.types import WSGIApplication

    from werkzeug.wrappers import Request, Response

    from local.aws.actions import CalledOperation
    from local.aws.api_rules.rule import ApiRule
    from local.aws.journal import RecordedAnswer

CHECKS_PATH = "/_control/checks"
REFUSALS_KEPT = 100
_INVALID: Mapping[str, str] = {
    "budgets": "InvalidParameterException",
    "ec2": "InvalidParameterValue",
    "lambda": "ValidationException",
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
}
"""Error codes for parameters that a service's model forbids; others by protocol."""

_INVALID_BY_PROTOCOL = {"json": "ValidationException", "query": "ValidationError"}


def documented_rules(clock: Callable[[], datetime]) -> tuple[ApiRule, ...]:
    """Return the documented rules for parameters alone; `clock` returns the account's time."""
    return (
        *TAG_RULES,
        *EC2_RULES,
        *ACCESS_RULES,
        *scaling_rules(clock),
        *SERVICE_RULES,
    )


class RequestCheck:
    """Checks requests by the service models and the documented rules."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Check from now on; `clock` returns the account's time."""
        self.on = True
        self._rules: dict[str, list[ApiRule]] = {}
        for rule in (*documented_rules(clock), *ACCOUNT_RULES, *PROPAGATION_RULES):
            for operation in rule.operations:
                self._rules.setdefault(operation, []).append(rule)
        self._calls: Counter[str] = Counter()
        self._parameters: dict[str, set[str]] = {}
        self._unread: Counter[str] = Counter()
        self._refused: deque[dict[str, str]] = deque(maxlen=REFUSALS_KEPT)

    def describe(self) -> dict[str, Any]:
        """Return the counts."""
        checked = {operation: sorted(names) for operation, names in sorted(self._parameters.items())}
        rules = {rule.name for rules in self._rules.values() for rule in rules}
        return {
            "on": self.on,
            "calls": sum(self._calls.values()),
            "operations": dict(sorted(self._calls.items())),
            "parameters": sum(map(len, checked.values())),
            "rules": len(rules),
            "unread": dict(self._unread),
            "refused": list(self._refused),
        }

    def admit(self, request: Request) -> RecordedAnswer | None:
        """Return AWS's error for a request that it would refuse, or None."""
        if not self.on or request.path.startswith(CONTROL_PREFIX):
            return None
        called = called_operation(request)
        if called is None or not called.name:
            self._unread[f"{request.method} {request.path}"] += 1
            return None
        operation = f"{called.service}:{called.name}"
        try:
            shape, parameters = parse_parameters(request, called)
        except Exception:  # noqa: BLE001 — moto's parsers may raise anything; the count shows it
            self._unread[operation] += 1
            return None
        self._calls[operation] += 1
        self._parameters.setdefault(operation, set()).update(parameters)
        protocol = request_protocol(request, called.service)
        faults = list(find_model_faults(shape, parameters)) if shape is not None else []
        if faults:
            code = _INVALID.get(called.service) or _INVALID_BY_PROTOCOL.get(protocol, "ValidationException")
            message = f"{len(faults)} validation error{'s' * (len(faults) > 1)} detected: {'; '.join(faults)}"
            return self._refuse(request, called, code, message)
        for rule in self._rules.get(operation, ()):
            if message := rule.find_fault(parameters):
                return self._refuse(request, called, rule.code, message, status=rule.status)
        return None

    def _refuse(
        self, request: Request, called: CalledOperation, code: str, message: str, *, status: str = BAD_REQUEST
    ) -> RecordedAnswer:
        self._refused.append({"operation": f"{called.service}:{called.name}", "code": code, "message": message})
        protocol = request_protocol(request, called.service)
        return refuse_request(request, protocol, code, message, status=status)


def with_check_control(app: WSGIApplication, check: RequestCheck) -> WSGIApplication:
    """Serve `/_control/checks`, and forward all other requests to `app`."""

    def control_checks(request: Request) -> Response:
        if request.method == "PUT":
            check.on = bool(json.loads(request.get_data())["on"])
        return answer_json(check.describe())

    return with_control(app, CHECKS_PATH, control_checks)
