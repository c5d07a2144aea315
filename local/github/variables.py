"""Actions variables, of the repository and of its environments."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github.clock import after, now
from local.github.environments import environment
from local.github.names import checked
from local.github.records import Json, Variable
from local.github.responses import Answer, ApiError, created, no_content, not_found
from local.github.routing import NO_BODY, REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call

routes = Routes()

_ALL = f"{REPOSITORY}/actions/variables"
_ONE = f"{_ALL}/<name>"
_ALL_OF_ENVIRONMENT = f"{REPOSITORY}/environments/<path:environment_name>/variables"
_ONE_OF_ENVIRONMENT = f"{_ALL_OF_ENVIRONMENT}/<name>"
_DOCS = "actions/variables"
_LIST = "ReposOwnerRepoActionsVariablesGetResponse200"


def _table(call: Call, environment_name: str | None) -> dict[str, Variable]:
    if environment_name is None:
        return call.repository.variables
    return environment(call, environment_name).variables


def _find(call: Call, environment_name: str | None, name: str) -> Variable:
    found = _table(call, environment_name).get(name.upper())
    if found is None:
        raise not_found()
    return found


def _shown(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "value": variable.value,
        "created_at": variable.created_at,
        "updated_at": variable.updated_at,
    }


@routes.on("GET", _ALL, _ALL_OF_ENVIRONMENT, model=_LIST, docs=f"{_DOCS}#list-repository-variables")
def list_variables(call: Call, environment_name: str | None = None) -> Answer:
    """List the variables."""
    table = _table(call, environment_name)
    page = call.page([table[name] for name in sorted(table)], size=10, limit=30)
    body: Json = {"total_count": page.total, "variables": [_shown(variable) for variable in page.items]}
    return Answer(body, headers=page.headers)


@routes.on("GET", _ONE, _ONE_OF_ENVIRONMENT, model="ActionsVariable", docs=f"{_DOCS}#get-a-repository-variable")
def get_variable(call: Call, name: str, environment_name: str | None = None) -> Answer:
    """Show one variable."""
    return Answer(_shown(_find(call, environment_name, name)))


@routes.on("POST", _ALL, _ALL_OF_ENVIRONMENT, model="EmptyObject", docs=f"{_DOCS}#create-a-repository-variable")
def create_variable(call: Call, environment_name: str | None = None) -> Answer:
    """Create a variable."""
    table = _table(call, environment_name)
    name = checked("Variable", call.fields.required("name", str))
    value = call.fields.required("value", str)
    if name in table:
        raise ApiError(HTTPStatus.CONFLICT, "Already exists - Variable already exists")
    moment = now()
    table[name] = Variable(name=name, value=value, created_at=moment, updated_at=moment)
    return created({})


@routes.on("PATCH", _ONE, _ONE_OF_ENVIRONMENT, model=NO_BODY, docs=f"{_DOCS}#update-a-repository-variable")
def update_variable(call: Call, name: str, environment_name: str | None = None) -> Answer:
    """Change a variable's value, its name, or both."""
    old = _find(call, environment_name, name)
    new_name = checked("Variable", call.fields.optional("name", str) or old.name)
    value = call.fields.optional("value", str)
    table = _table(call, environment_name)
    if new_name != old.name and new_name in table:
        raise ApiError(HTTPStatus.CONFLICT, "Already exists - Variable already exists")
    del table[old.name]
    table[new_name] = Variable(
        name=new_name,
        value=old.value if value is None else value,
        created_at=old.created_at,
        updated_at=after(old.updated_at),
    )
    return no_content()


@routes.on("DELETE", _ONE, _ONE_OF_ENVIRONMENT, model=NO_BODY, docs=f"{_DOCS}#delete-a-repository-variable")
def delete_variable(call: Call, name: str, environment_name: str | None = None) -> Answer:
    """Delete a variable."""
    del _table(call, environment_name)[_find(call, environment_name, name).name]
    return no_content()
