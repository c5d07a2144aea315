"""The gate in front of the emulated account that enforces its IAM policies, once it is switched on.

`PUT /_control/iam {"enforced": true, "issuers": {ISSUER: URL OF ITS KEYS}}` switches it; `GET` returns the latest
refusals, and the rights that each principal has used, since the last `DELETE`.
"""

from __future__ import annotations

import json
import re
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local.aws.iam import IAM_PATH
from local.aws.iam.access_requests import find_resource_policy, service_access
from local.aws.iam.account import ACCOUNT_ID
from local.aws.iam.api_request import read_api_request
from local.aws.iam.conditions import UnsupportedPolicyError
from local.aws.iam.ec2_access import ec2_access, group_launch_access
from local.aws.iam.evaluation import AccessRequest, Decision, Principal, decide_access
from local.aws.iam.principals import SOURCE_ARN_HEADER, CredentialsError, identify_principal, session_principal
from local.aws.iam.refusals import CREDENTIALS, denial_code, refuse_request, request_protocol
from local.aws.iam.resources import ANYTHING, resource_types
from local.control_api import CONTROL_PREFIX, answer_json, with_control

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from wsgiref.types import WSGIApplication

    from werkzeug.wrappers import Request, Response

    from local.aws.iam.api_request import ApiRequest
    from local.aws.journal import RecordedAnswer

_DENIALS_KEPT = 1000
_INSTANCE_ID = re.compile(r"i-[0-9a-f]+")
_WEB_IDENTITY = "AssumeRoleWithWebIdentity"


class AccessRefusedError(Exception):
    """A service of the account lacks a right; the message is AWS's."""


class AccessGate:
    """Checks requests to the account against its policies; off until switched on."""

    def __init__(self) -> None:
        """Create a gate that is off."""
        self.enforced = False
        self._issuers: Mapping[str, str] = {}
        self._denials: deque[dict[str, str]] = deque(maxlen=_DENIALS_KEPT)
        self._used: dict[str, set[tuple[str, str, str, str]]] = {}
        self._undetermined: set[str] = set()
        self._acting: Principal | None = None

    def switch(self, *, enforced: bool, issuers: Mapping[str, str]) -> None:
        """Switch the gate.

        Args:
            enforced: Whether policies are enforced.
            issuers: URLs of the keys that verify tokens, by the issuer's URL.
        """
        self.enforced, self._issuers = enforced, issuers

    def describe(self) -> dict[str, Any]:
        """Return the latest refusals, and the used rights."""
        names = ("action", "resource", "policy", "statement")
        return {
            "enforced": self.enforced,
            "issuers": dict(self._issuers),
            "denials": list(self._denials),
            "used": {
                principal: [dict(zip(names, right, strict=True)) for right in sorted(rights)]
                for principal, rights in sorted(self._used.items())
            },
            "undetermined": sorted(self._undetermined),
        }

    def forget(self) -> None:
        """Discard the recorded refusals and used rights."""
        self._denials.clear()
        self._used.clear()
        self._undetermined.clear()

    def admit(self, request: Request) -> RecordedAnswer | None:
        """Return the refusal of a request, or None to admit it."""
        if not self.enforced or request.path.startswith(CONTROL_PREFIX):
            return None
        called = read_api_request(request)
        protocol = request_protocol(request, called.service if called else "")
        if called is not None and called.operation == _WEB_IDENTITY:
            return self._admit_web_identity(request, called)
        try:
            principal = identify_principal(
                called.access_key if called else None, request.headers.get("X-Amz-Security-Token")
            )
        except CredentialsError as error:
            codes, message = CREDENTIALS[error.fault]
            return refuse_request(request, protocol, codes[protocol], message)
        if called is None or not (refusal := self.judge_call(called, principal)):
            return None
        return refuse_request(request, protocol, denial_code(protocol, called.service), refusal)

    def assume_for_service(self, service: str, role: str, *, session: str, source_arn: str) -> Principal | None:
        """Return the role session of an AWS service that assumes a role; None while the gate is off.

        Args:
            service: The service, for example `ssm.amazonaws.com`.
            role: The role's ARN.
            session: The session's name.
            source_arn: The value of `aws:SourceArn`: the resource on whose behalf the service acts.

        Raises:
            AccessRefusedError: The role does not trust the service.
        """
        if not self.enforced:
            return None
        context = {"aws:SourceAccount": ACCOUNT_ID, "aws:SourceArn": source_arn}
        access = AccessRequest(action="sts:AssumeRole", resource=role)
        if refusal := self.judge_access(access, Principal(kind="service", arn=service), **context):
            raise AccessRefusedError(refusal)
        return session_principal(role, session)

    @contextmanager
    def acting_as(self, principal: Principal | None) -> Iterator[None]:
        """Check the account's in-process calls as a principal's within the block; None leaves them unchecked."""
        before, self._acting = self._acting, principal
        try:
            yield
        finally:
            self._acting = before

    def admit_own_call(self, request: Request) -> RecordedAnswer | None:
        """Return the refusal of an in-process call of the account, or None."""
        called = read_api_request(request)
        if self._acting is None or called is None or not (refusal := self.judge_call(called, self._acting)):
            return None
        protocol = request_protocol(request, called.service)
        return refuse_request(request, protocol, denial_code(protocol, called.service), refusal)

    def judge_call(self, called: ApiRequest, principal: Principal) -> str:
        """Return AWS's message if a principal may not make a call, or ""."""
        common = {"aws:RequestedRegion": called.region}
        instance = principal.arn.rpartition("/")[2]
        if principal.kind == "session" and _INSTANCE_ID.fullmatch(instance):
            common["ec2:SourceInstanceARN"] = called.regional_arn("ec2", f"instance/{instance}", account=ACCOUNT_ID)
        if source := principal.kind == "service" and called.headers.get(SOURCE_ARN_HEADER):
            common |= {"aws:SourceAccount": ACCOUNT_ID, "aws:SourceArn": source}
        refusals = (self.judge_access(access, principal, **common) for access in _needed_access(called))
        refusal = next(filter(None, refusals), "")
        if refusal and called.service == "ec2":
            return f"You are not authorized to perform this operation. {refusal}"
        return refusal

    def judge_access(self, access: AccessRequest, principal: Principal, **context: str) -> str:
        """Return AWS's message if a principal may not perform an action on a resource, or "".

        Args:
            access: The action and the resource.
            principal: The principal of the request.
            context: Additional condition keys.
        """
        if access.resource == ANYTHING and resource_types(access.action):
            self._undetermined.add(access.action)
        known = access.context.with_values({**_principal_context(principal), **context})
        request = AccessRequest(action=access.action, resource=access.resource, context=known)
        try:
            decision = decide_access(request, principal, find_resource_policy(access))
        except UnsupportedPolicyError as error:
            decision = Decision(allowed=False, reason=f"because a policy has what cannot be evaluated: {error}")
        if decision.allowed:
            right = (access.action, access.resource, decision.policy, decision.sid)
            self._used.setdefault(principal.role_arn or principal.arn, set()).add(right)
            return ""
        self._denials.append(
            {
                "principal": principal.arn,
                "action": access.action,
                "resource": access.resource,
                "reason": decision.reason,
                "policy": decision.policy,
                "statement": decision.sid,
            }
        )
        return (
            f"User: {principal.arn} is not authorized to perform: {access.action} on resource: {access.resource} "
            f"{decision.reason}"
        )

    def _admit_web_identity(self, request: Request, called: ApiRequest) -> RecordedAnswer | None:
        # Imported here because it is slow to load, and not needed while the gate is off.
        from local.aws.iam.web_identity import WebIdentityError, verify_token  # noqa: PLC0415

        try:
            identity = verify_token(str(called.parameters.get("WebIdentityToken", "")), self._issuers)
        except WebIdentityError as error:
            return refuse_request(request, "query", error.code, str(error))
        for access in service_access(called):
            if self.judge_access(access, identity.principal, **identity.context):
                return refuse_request(request, "query", "AccessDenied", f"Not authorized to perform {access.action}")
        return None


ACCOUNT_GATE = AccessGate()
"""The gate of this process's account."""


def with_iam_control(app: WSGIApplication, gate: AccessGate) -> WSGIApplication:
    """Serve `/_control/iam`, and forward all other requests to `app`."""

    def control_iam(request: Request) -> Response:
        if request.method == "PUT":
            told = json.loads(request.get_data())
            gate.switch(enforced=bool(told["enforced"]), issuers=told.get("issuers", {}))
        elif request.method == "DELETE":
            gate.forget()
        return answer_json(gate.describe())

    return with_control(app, IAM_PATH, control_iam)


def _needed_access(called: ApiRequest) -> Iterator[AccessRequest]:
    if called.service == "ec2":
        yield from ec2_access(called)
        return
    yield from service_access(called)
    if called.service == "autoscaling":
        yield from group_launch_access(called)


def _principal_context(principal: Principal) -> dict[str, str | Sequence[str]]:
    """Return the condition keys of every request, and those of its principal.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    context: dict[str, str | Sequence[str]] = {
        # On AWS, clients use TLS; on loopback they do not.
        "aws:SecureTransport": "true",
    }
    if principal.account_id:
        context |= {
            "aws:PrincipalAccount": ACCOUNT_ID,
            "aws:PrincipalArn": principal.role_arn or principal.arn,
            "aws:userid": principal.user_id,
        }
    if principal.kind == "user":
        context["aws:username"] = principal.arn.rpartition("/")[2]
    return context
