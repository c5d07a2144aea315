"""The principal of a request's credentials, with its policies."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from local.aws.iam.account import ACCOUNT_ID, find_role, find_session, find_user, iam_backend
from local.aws.iam.evaluation import Policy, PolicyKind, Principal

if TYPE_CHECKING:
    from collections.abc import Iterable

ADMINISTRATOR_KEY = "test"
"""The access key of the account's administrator, with which this repository's code signs by default."""

SERVICE_SUFFIX = ".amazonaws.com"
"""Suffix of access keys that represent an AWS service, for example `ec2.amazonaws.com`, which assumes instances' roles.
"""

SOURCE_ARN_HEADER = "x-amz-source-arn"
"""Header with the `aws:SourceArn` of a call by an AWS service."""

_ADMINISTRATOR_POLICY = Policy(
    kind=PolicyKind.IDENTITY,
    name="arn:aws:iam::aws:policy/AdministratorAccess",
    document='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
)


class CredentialsFault(StrEnum):
    """Reasons to reject credentials."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


class CredentialsError(Exception):
    """A request's credentials are not accepted."""

    def __init__(self, fault: CredentialsFault) -> None:
        """Create the error."""
        super().__init__(fault)
        self.fault = fault


def identify_principal(access_key: str | None, session_token: str | None) -> Principal:
    """Return the principal of a request's credentials.

    Raises:
        CredentialsError: The credentials are rejected.
    """
    if access_key is None:
        raise CredentialsError(CredentialsFault.MISSING)
    if access_key == ADMINISTRATOR_KEY:
        arn = f"arn:aws:iam::{ACCOUNT_ID}:user/{ADMINISTRATOR_KEY}"
        return Principal(
            kind="user",
            arn=arn,
            account_id=ACCOUNT_ID,
            user_id=ADMINISTRATOR_KEY,
            policies=[_ADMINISTRATOR_POLICY],
        )
    if access_key.endswith(SERVICE_SUFFIX):
        return Principal(kind="service", arn=access_key)
    if user := find_user(access_key):
        return _user_principal(user)
    session = find_session(access_key)
    if session is None or session.session_token != session_token:
        raise CredentialsError(CredentialsFault.UNKNOWN)
    if session.expiration.replace(tzinfo=UTC) < datetime.now(UTC):
        raise CredentialsError(CredentialsFault.EXPIRED)
    return session_principal(session.role_arn, session.session_name, session_policy=session.policy)


def session_principal(role_arn: str, session_name: str, *, session_policy: str | None = None) -> Principal:
    """Return the principal of a role session, with the role's current policies.

    Raises:
        CredentialsError: The role does not exist any more.
    """
    role = find_role(role_arn)
    if role is None or role.arn != role_arn:
        raise CredentialsError(CredentialsFault.UNKNOWN)
    limits = [Policy(kind=PolicyKind.SESSION, name="session", document=session_policy)] if session_policy else []
    return Principal(
        kind="session",
        arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role.name}/{session_name}",
        account_id=ACCOUNT_ID,
        user_id=f"{role.id}:{session_name}",
        role_arn=role_arn,
        policies=[*_identity_policies([role])],
        boundary=_boundary_document(role),
        session_policies=limits,
    )


def _user_principal(user: Any) -> Principal:
    groups = iam_backend().get_groups_for_user(user.name)
    return Principal(
        kind="user",
        arn=user.arn,
        account_id=ACCOUNT_ID,
        user_id=user.id,
        policies=[*_identity_policies([user, *groups])],
        boundary=_boundary_document(user),
    )


def _identity_policies(holders: Iterable[Any]) -> Iterable[Policy]:
    for holder in holders:
        for name, document in holder.policies.items():
            yield Policy(kind=PolicyKind.IDENTITY, name=f"{holder.name}/{name}", document=document)
        for arn, managed in holder.managed_policies.items():
            yield Policy(kind=PolicyKind.IDENTITY, name=arn, document=_default_version(managed))


def _boundary_document(holder: Any) -> Policy | None:
    arn = getattr(holder, "permissions_boundary_arn", None)
    if not arn:
        return None
    managed = iam_backend().managed_policies.get(arn)
    # A deleted boundary allows nothing.
    document = _default_version(managed) if managed else '{"Statement":[]}'
    return Policy(kind=PolicyKind.BOUNDARY, name=arn, document=document)


def _default_version(managed: Any) -> str:
    return str(next(version.document for version in managed.versions if version.is_default))
