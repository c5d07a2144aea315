"""Ways in which a call to AWS fails, as answers that botocore gets instead of the real one."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

_SLOW_SECONDS = 0.05
"""What stands for an answer that takes seconds; nothing here depends on how many."""

_CHANGES = ("Create", "Put", "Publish", "Resume", "Start", "Stop", "Suspend", "Terminate", "Update")


class FaultKind(StrEnum):
    """Kinds of faults."""

    THROTTLED = "throttled"
    DENIED = "denied"
    TIME_OUT = "time-out"
    SERVER_ERROR = "5xx"
    PARTIAL = "partial"
    MALFORMED = "malformed"
    SLOW = "slow"


@dataclass(frozen=True, kw_only=True)
class CallFault:
    """A fault of one call.

    Attributes:
        call: The call as IAM names it, such as `ec2:DescribeInstances`.
        kind: What happens each time it is made.
    """

    call: str
    kind: FaultKind

    def answer_call(self, real: Callable[[], Any], request: Any) -> Any:
        """Return what botocore gets: status, headers and body.

        Args:
            real: Makes the real call and returns its answer.
            request: The call's request.

        Raises:
            ReadTimeoutError: Nothing answers in time.
        """
        match self.kind:
            case FaultKind.THROTTLED:
                return self._refuse_call(400, "Throttling" if "ec2" not in self.call else "RequestLimitExceeded")
            case FaultKind.DENIED:
                return self._refuse_call(403, "UnauthorizedOperation" if "ec2" in self.call else "AccessDenied")
            case FaultKind.SERVER_ERROR:
                return self._refuse_call(500, "InternalError")
            case FaultKind.TIME_OUT:
                raise ReadTimeoutError(endpoint_url=request.url)
            case FaultKind.MALFORMED:
                return 200, {}, "<html><body>It works!</body>"
            case FaultKind.PARTIAL:
                return self._answer_partly(real, request)
            case FaultKind.SLOW:
                time.sleep(_SLOW_SECONDS)
                return real()

    def _answer_partly(self, real: Callable[[], Any], request: Any) -> Any:
        """Carry a change out and lose the answer; cut a list off in its middle."""
        status, headers, body = real()
        if self.call.partition(":")[2].startswith(_CHANGES):
            raise ReadTimeoutError(endpoint_url=request.url)
        text = body.decode() if isinstance(body, bytes) else body
        return status, headers, text[: len(text) // 2]

    def _refuse_call(self, status: int, code: str) -> tuple[int, dict[str, str], str]:
        service = self.call.partition(":")[0]
        if service == "ec2":
            body = f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>"
        elif service in {"autoscaling", "sns"}:
            body = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        else:
            body = json.dumps({"__type": f"{code}Exception", "message": "no"})
        return status, {}, body
