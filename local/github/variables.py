"""Actions variables, of the repository and of its environments."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github.clock import current_timestamp, later_timestamp
from local.github.environments import find_github_environment
from local.github.names import checked_name
from local.github.records import Json, Variable
from local.github.responses import ApiAnswer, ApiError, created_answer, no_content, not_found_error
from local.github.routing import NO_BODY, REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall

variable_routes = RouteTable()

_ALL = f"{REPOSITORY_PATH}/actions/variables"
_ONE = f"{_ALL}/<name>"
_ALL_OF_ENVIRONMENT = f"{REPOSITORY_PATH}/environments/<path:environment_name>/variables"
_ONE_OF_ENVIRONMENT = f"{_ALL_OF_ENVIRONMENT}/<name>"
_DOCS = "actions/variables"
_LIST = "ReposOwnerRepoActionsVariablesGetResponse200"


def _variable_table(call: ApiCall, environment_name: str | None) -> dict[str, Variable]:
    if environment_name is None:
        return call.repository.variables
    return find_github_environment(call, environment_name).variables


def _find_variable(call: ApiCall, environment_name: str | None, name: str) -> Variable:
    found = _variable_table(call, environment_name).get(name.upper())
    if found is None:
        raise not_found_error()
    return found


def _variable_json(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "value": variable.value,
        "created_at": variable.created_at,
        "updated_at": variable.updated_at,
    }


@variable_routes.serve_path("GET", _ALL, _ALL_OF_ENVIRONMENT, model=_LIST, docs=f"{_DOCS}#list-repository-variables")
def list_variables(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """List the variables."""
    table = _variable_table(call, environment_name)
    page = call.select_page([table[name] for name in sorted(table)], size=10, limit=30)
    body: Json = {"total_count": page.total, "variables": [_variable_json(variable) for variable in page.items]}
    return ApiAnswer(body, headers=page.headers)


@variable_routes.serve_path(
    "GET", _ONE, _ONE_OF_ENVIRONMENT, model="ActionsVariable", docs=f"{_DOCS}#get-a-repository-variable"
)
def get_variable(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Show one variable."""
    return ApiAnswer(_variable_json(_find_variable(call, environment_name, name)))


@variable_routes.serve_path(
    "POST", _ALL, _ALL_OF_ENVIRONMENT, model="EmptyObject", docs=f"{_DOCS}#create-a-repository-variable"
)
def create_variable(call: ApiCall, environment_name: str | None = None) -> ApiAnswer:
    """Create a variable."""
    table = _variable_table(call, environment_name)
    name = checked_name("Variable", call.fields.required_value("name", str))
    value = call.fields.required_value("value", str)
    if name in table:
        raise ApiError(HTTPStatus.CONFLICT, "Already exists - Variable already exists")
    moment = current_timestamp()
    table[name] = Variable(name=name, value=value, created_at=moment, updated_at=moment)
    return created_answer({})


@variable_routes.serve_path(
    "PATCH", _ONE, _ONE_OF_ENVIRONMENT, model=NO_BODY, docs=f"{_DOCS}#update-a-repository-variable"
)
def update_variable(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Change a variable's value, its name, or both."""
    old = _find_variable(call, environment_name, name)
    new_name = checked_name("Variable", call.fields.optional_value("name", str) or old.name)
    value = call.fields.optional_value("value", str)
    table = _variable_table(call, environment_name)
    if new_name != old.name and new_name in table:
        raise ApiError(HTTPStatus.CONFLICT, "Already exists - Variable already exists")
    del table[old.name]
    table[new_name] = Variable(
        name=new_name,
        value=old.value if value is None else value,
        created_at=old.created_at,
        updated_at=later_timestamp(old.updated_at),
    )
    return no_content()


@variable_routes.serve_path(
    "DELETE", _ONE, _ONE_OF_ENVIRONMENT, model=NO_BODY, docs=f"{_DOCS}#delete-a-repository-variable"
)
def delete_variable(call: ApiCall, name: str, environment_name: str | None = None) -> ApiAnswer:
    """Delete a variable."""
    del _variable_table(call, environment_name)[_find_variable(call, environment_name, name).name]
    return no_content()
