"""Actions secrets, of the repository and of its environments.

A value is stored as it was received, encrypted for the repository's key, and no answer ever shows it.
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github.clock import current_timestamp, later_timestamp
from local.github.environments import find_github_environment
from local.github.names import checked_name
from local.github.records import Json, Secret
from local.github.responses import ApiAnswer, ApiError, created_answer, no_content, not_found_error
from local.github.routing import NO_BODY, REPOSITORY_PATH, REPOSITORY_PATH_BY_ID, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall

secret_routes = RouteTable()

_ALL = f"{REPOSITORY_PATH}/actions/secrets"
_ONE = f"{_ALL}/<name>"
# The provider addresses environment secrets by the repository's number, other clients by its name.
_ALL_OF_ENVIRONMENT = [
    f"{prefix}/environments/<path:environment_name>/secrets" for prefix in (REPOSITORY_PATH, REPOSITORY_PATH_BY_ID)
]
_ONE_OF_ENVIRONMENT = [f"{path}/<name>" for path in _ALL_OF_ENVIRONMENT]
_KEY = [f"{path}/public-key" for path in (_ALL, *_ALL_OF_ENVIRONMENT)]
_DOCS = "actions/secrets"
_SEAL_OVERHEAD = 48
"""Bytes by which a sealed box is longer than what it holds."""
_LARGEST_VALUE = 48 * 1024


def _secret_table(call: ApiCall, environment_name: str | None) -> dict[str, Secret]:
    if environment_name is None:
        return call.repository.secrets
    return find_github_environment(call, environment_name).secrets


def _find_secret(call: ApiCall, environment_name: str | None, name: str) -> Secret:
    found = _secret_table(call, environment_name).get(name.upper())
    if found is None:
        raise not_found_error()
    return found


def _secret_json(secret: Secret) -> Json:
    return {"name": secret.name, "created_at": secret.created_at, "updated_at": secret.updated_at}


def _unprocessable_error(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def _check_encryption(call: ApiCall, key_id: str, encrypted_value: str) -> None:
    """Refuse a value that is not encrypted, or not for the present key."""
    if key_id != call.repository.key.key_id:
        raise _unprocessable_error(
            "key_id does not match the public key of the repository; fetch the public key again."
        )
    try:
        size = len(base64.b64decode(encrypted_value, validate=True))
    except binascii.Error as error:
        raise _unprocessable_error("Value could not be decoded from base64.") from error
    if not _SEAL_OVERHEAD <= size <= _SEAL_OVERHEAD + _LARGEST_VALUE:
        raise _unprocessable_error("Value must be encrypted with the public key and smaller than 48 KB.")


@secret_routes.serve_path("GET", *_KEY, model="ActionsPublicKey", docs=f"{_DOCS}#get-a-repository-public-key")
def get_public_key(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """Show the key for which values are encrypted."""
    _secret_table(call, environment_name)
    key = call.repository.key
    return ApiAnswer({"key_id": key.key_id, "key": key.public})


@secret_routes.serve_path(
    "GET",
    _ALL,
    *_ALL_OF_ENVIRONMENT,
    model="ReposOwnerRepoActionsSecretsGetResponse200",
    docs=f"{_DOCS}#list-repository-secrets",
)
def list_secrets(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """List the secrets, without their values."""
    table = _secret_table(call, environment_name)
    page = call.select_page([table[name] for name in sorted(table)])
    body: Json = {"total_count": page.total, "secrets": [_secret_json(secret) for secret in page.items]}
    return ApiAnswer(body, headers=page.headers)


@secret_routes.serve_path(
    "GET", _ONE, *_ONE_OF_ENVIRONMENT, model="ActionsSecret", docs=f"{_DOCS}#get-a-repository-secret"
)
def get_secret(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Show one secret, without its value."""
    return ApiAnswer(_secret_json(_find_secret(call, environment_name, name)))


@secret_routes.serve_path(
    "PUT",
    _ONE,
    *_ONE_OF_ENVIRONMENT,
    model="EmptyObject",
    docs=f"{_DOCS}#create-or-update-a-repository-secret",
)
def put_secret(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Create a secret or replace its value."""
    table = _secret_table(call, environment_name)
    name = checked_name("Secret", name)
    key_id = call.fields.required_value("key_id", str)
    encrypted_value = call.fields.required_value("encrypted_value", str)
    _check_encryption(call, key_id, encrypted_value)
    old = table.get(name)
    moment = current_timestamp() if old is None else later_timestamp(old.updated_at)
    table[name] = Secret(
        name=name,
        key_id=key_id,
        encrypted_value=encrypted_value,
        created_at=moment if old is None else old.created_at,
        updated_at=moment,
    )
    return created_answer({}) if old is None else no_content()


@secret_routes.serve_path(
    "DELETE", _ONE, *_ONE_OF_ENVIRONMENT, model=NO_BODY, docs=f"{_DOCS}#delete-a-repository-secret"
)
def delete_secret(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Delete a secret."""
    del _secret_table(call, environment_name)[_find_secret(call, environment_name, name).name]
    return no_content()
