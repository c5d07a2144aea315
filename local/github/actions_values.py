"""Actions variables and secrets of the repository and its environments.

A secret is stored as received, encrypted with the repository's public key, and never returned.
"""

from __future__ import annotations

import base64
import binascii
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from local.github.clock import current_timestamp, later_timestamp
from local.github.environments import find_github_environment
from local.github.records import EnvironmentRecord, Secret, Variable
from local.github.responses import ApiAnswer, ApiError, created_answer, no_content, not_found_error
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.github.calls import ApiCall
    from local.github.records import Json, RepositoryRecord

actions_value_routes = RouteTable()

_ENVIRONMENT = "/environments/<path:environment_name>"
_VARIABLES = (f"{REPOSITORY_PATH}/actions/variables", f"{REPOSITORY_PATH}{_ENVIRONMENT}/variables")
# The provider addresses environment secrets by the repository's ID, other clients by its name.
_SECRETS = (
    f"{REPOSITORY_PATH}/actions/secrets",
    f"{REPOSITORY_PATH}{_ENVIRONMENT}/secrets",
    f"/repositories/<int:repository_id>{_ENVIRONMENT}/secrets",
)
_ONE_VARIABLE = [f"{path}/<name>" for path in _VARIABLES]
_ONE_SECRET = [f"{path}/<name>" for path in _SECRETS]
_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*")
_SEAL_OVERHEAD = 48
"""Overhead of a sealed box, in bytes."""
_LARGEST_VALUE = 48 * 1024

ValueT = TypeVar("ValueT", Variable, Secret)


def _value_holder(call: ApiCall, environment_name: str | None) -> RepositoryRecord | EnvironmentRecord:
    return call.repository if environment_name is None else find_github_environment(call, environment_name)


def _find_value(table: Mapping[str, ValueT], name: str) -> ValueT:
    found = table.get(name.upper())
    if found is None:
        raise not_found_error()
    return found


def _checked_name(kind: str, name: str) -> str:
    """Return a name in capitals, as GitHub stores it; refuse names that GitHub rejects."""
    stored = name.upper()
    if not _NAME.fullmatch(stored):
        raise _unprocessable_error(
            f"{kind} names can only contain alphanumeric characters "
            "([a-z], [A-Z], [0-9]) or underscores (_). "
            "Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_). "
            "Must not start with the GITHUB_ prefix."
        )
    return stored


def _unprocessable_error(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def _variable_json(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "value": variable.value,
        "created_at": variable.created_at,
        "updated_at": variable.updated_at,
    }


def _secret_json(secret: Secret) -> Json:
    return {"name": secret.name, "created_at": secret.created_at, "updated_at": secret.updated_at}


@actions_value_routes.serve_path("GET", *_VARIABLES)
def list_variables(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """List the variables."""
    table = _value_holder(call, environment_name).variables
    page = call.select_page([table[name] for name in sorted(table)], size=10, limit=30)
    return ApiAnswer({"total_count": len(table), "variables": [_variable_json(variable) for variable in page]})


@actions_value_routes.serve_path("GET", *_ONE_VARIABLE)
def get_variable(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Return one variable."""
    return ApiAnswer(_variable_json(_find_value(_value_holder(call, environment_name).variables, name)))


@actions_value_routes.serve_path("POST", *_VARIABLES)
def create_variable(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """Create a variable."""
    table = _value_holder(call, environment_name).variables
    name = _checked_name("Variable", call.fields.required_value("name", str))
    value = call.fields.required_value("value", str)
    if name in table:
        raise ApiError(HTTPStatus.CONFLICT, "Already exists - Variable already exists")
    moment = current_timestamp()
    table[name] = Variable(name=name, value=value, created_at=moment, updated_at=moment)
    return created_answer({})


@actions_value_routes.serve_path("PATCH", *_ONE_VARIABLE)
def update_variable(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Change a variable's value."""
    table = _value_holder(call, environment_name).variables
    old = _find_value(table, name)
    table[old.name] = Variable(
        name=old.name,
        value=call.fields.required_value("value", str),
        created_at=old.created_at,
        updated_at=later_timestamp(old.updated_at),
    )
    return no_content()


@actions_value_routes.serve_path("DELETE", *_ONE_VARIABLE)
def delete_variable(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Delete a variable."""
    table = _value_holder(call, environment_name).variables
    del table[_find_value(table, name).name]
    return no_content()


@actions_value_routes.serve_path("GET", *(f"{path}/public-key" for path in _SECRETS))
def get_public_key(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """Return the public key for encrypting secrets."""
    _value_holder(call, environment_name)
    key = call.repository.key
    return ApiAnswer({"key_id": key.key_id, "key": key.public})


@actions_value_routes.serve_path("GET", *_SECRETS)
def list_secrets(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """List the secrets, without their values."""
    table = _value_holder(call, environment_name).secrets
    page = call.select_page([table[name] for name in sorted(table)])
    return ApiAnswer({"total_count": len(table), "secrets": [_secret_json(secret) for secret in page]})


@actions_value_routes.serve_path("GET", *_ONE_SECRET)
def get_secret(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Return one secret, without its value."""
    return ApiAnswer(_secret_json(_find_value(_value_holder(call, environment_name).secrets, name)))


@actions_value_routes.serve_path("PUT", *_ONE_SECRET)
def put_secret(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Create a secret or replace its value."""
    table = _value_holder(call, environment_name).secrets
    name = _checked_name("Secret", name)
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


def _check_encryption(call: ApiCall, key_id: str, encrypted_value: str) -> None:
    """Refuse a value that is not encrypted, or encrypted with another key."""
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


@actions_value_routes.serve_path("DELETE", *_ONE_SECRET)
def delete_secret(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Delete a secret."""
    table = _value_holder(call, environment_name).secrets
    del table[_find_value(table, name).name]
    return no_content()
