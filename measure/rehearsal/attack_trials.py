"""Tries the attacks on an account that enforces IAM, with credentials that roles obtain as on AWS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.access.role_purposes import PASSED_ROLES
from infra.scope import role_name
from local.account import LOCAL_REGION
from measure.rehearsal.action_standins import AUDIENCE, request_id_token
from measure.rehearsal.attacks import FORBIDDEN, REACHES, token_claims
from measure.rehearsal.emulator_requests import send_request
from measure.rehearsal.rehearsed_account import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.account import LocalAccount
    from measure.rehearsal.environment_targets import EnvironmentTarget

DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
"""Error codes of services for a denied call."""

ALLOWED, DENIED = "allowed", "denied"
_ONE_ATTEMPT = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The result of an attack.

    Attributes:
        name: The attack and its target environment.
        role: The role that tried it.
        wanted: The expected result: `denied` or `allowed`.
        ended: The actual result: `denied`, `allowed`, or the message of another error.
    """

    name: str
    role: str
    wanted: str
    ended: str


@dataclass(frozen=True, kw_only=True)
class Attackers:
    """The roles of one environment.

    Attributes:
        account: The account, which enforces IAM.
        own: The roles' environment.
    """

    account: LocalAccount
    own: EnvironmentTarget

    def try_attacks(self, other: EnvironmentTarget) -> Iterator[Trial]:
        """Try all attacks.

        Args:
            other: The environment to attack.
        """
        clients = {role: self._connect_role(role) for role in {attack.role for attack in (*REACHES, *FORBIDDEN)}}
        for attacks, target, wanted in (
            ((*FORBIDDEN, *REACHES), other, DENIED),
            (FORBIDDEN, self.own, DENIED),
            (REACHES, self.own, ALLOWED),
        ):
            for attack in attacks:
                ended = _try_call(partial(attack.call, clients[attack.role], self.own, target))
                yield Trial(name=f"{attack.name} of {target.environment}", role=attack.role, wanted=wanted, ended=ended)
        for claim in token_claims(self.own.github_environment, other.github_environment, repository=REPOSITORY):
            ended = _try_call(partial(self._assume_by_token, claim.role, claim.job))
            yield Trial(name=claim.name, role=claim.role, wanted=DENIED, ended=ended)

    def _connect_role(self, purpose: str) -> Callable[[str], Any]:
        """Return a function that creates clients with credentials obtained like those of the role's actual users."""
        if service := PASSED_ROLES.get(purpose):
            answer = self._connect_sts(service).assume_role(RoleArn=self._role_arn(purpose), RoleSessionName="attack")
        else:
            environment = f"{self.own.github_environment}{'-preview' if purpose == 'preview' else ''}"
            answer = self._assume_by_token(purpose, {"environment": environment})
        credentials = answer["Credentials"]
        return cache(
            lambda service: boto3.client(
                service,
                region_name=LOCAL_REGION,
                endpoint_url=self.account.aws_url,
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                config=_ONE_ATTEMPT,
            )
        )

    def _assume_by_token(self, purpose: str, job: Mapping[str, str]) -> Any:
        """Assume a role as a GitHub Actions job does."""
        variables = send_request(f"{self.account.github_url}/_control/jobs", "POST", job)
        return self._connect_sts(AUDIENCE).assume_role_with_web_identity(
            RoleArn=self._role_arn(purpose), RoleSessionName="attack", WebIdentityToken=request_id_token(variables)
        )

    def _connect_sts(self, access_key: str) -> Any:
        return boto3.client(
            "sts",
            region_name=LOCAL_REGION,
            endpoint_url=self.account.aws_url,
            aws_access_key_id=access_key,
            aws_secret_access_key=access_key,
            config=_ONE_ATTEMPT,
        )

    def _role_arn(self, purpose: str) -> str:
        return self.own.scope.iam_arn(f"role/{role_name(self.own.environment, purpose)}")


def _try_call(call: Callable[[], object]) -> str:
    """Make a call, and return its result."""
    try:
        call()
    except ClientError as error:
        return DENIED if error.response["Error"]["Code"] in DENIALS else str(error)
    return ALLOWED
