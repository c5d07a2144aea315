"""Rulesets of the repository."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github import guards
from local.github.accounts import node_id
from local.github.clock import current_timestamp, later_timestamp
from local.github.records import Ruleset
from local.github.responses import ApiAnswer, ApiError, created_answer, no_content, not_found_error
from local.github.routing import NO_BODY, REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

ruleset_routes = RouteTable()

_ALL = f"{REPOSITORY_PATH}/rulesets"
_ONE = f"{_ALL}/<int:ruleset_id>"
_DOCS = "repos/rules"
_KINDS_OF_RULES = 25
_RULE = " | ".join(f"RepositoryRuleDetailedOneof{number}" for number in range(_KINDS_OF_RULES))
_PARTS: dict[str, type[list[object] | dict[str, object]]] = {
    "bypass_actors": list,
    "conditions": dict,
    "rules": list,
}
_CHOICES = {
    "target": {"branch", "tag", "push"},
    "enforcement": {"active", "disabled", "evaluate"},
}


def _find_ruleset(call: ApiCall, ruleset_id: int) -> Ruleset:
    found = call.repository.rulesets.get(ruleset_id)
    if found is None:
        raise not_found_error()
    return found


def _ruleset_json(call: ApiCall, ruleset: Ruleset, *, with_rules: bool) -> Json:
    """Show a ruleset; lists leave out what it says."""
    settings = ruleset.settings
    body: Json = {
        "id": ruleset.id,
        "name": settings["name"],
        "target": settings["target"],
        "source_type": "Repository",
        "source": call.full_name,
        "enforcement": settings["enforcement"],
        "node_id": node_id("RRS", ruleset.id),
        "_links": {
            "self": {"href": call.api_url(f"/rulesets/{ruleset.id}")},
            "html": {"href": call.web_url(f"/rules/{ruleset.id}")},
        },
        "created_at": ruleset.created_at,
        "updated_at": ruleset.updated_at,
    }
    if with_rules:
        body["conditions"] = settings["conditions"]
        body["rules"] = settings["rules"]
        body["bypass_actors"] = settings["bypass_actors"]
        body["current_user_can_bypass"] = "always" if guards.admins_may_bypass(settings) else "never"
    return body


def _validation_error(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=[{"message": message}])


def _read_settings(call: ApiCall, old: Json, ruleset_id: int | None) -> Json:
    """Read the settings; what a request leaves out stays as it was."""
    fields = call.fields
    settings: Json = {
        "name": fields.optional_value("name", str) or old.get("name") or fields.required_value("name", str),
        "target": fields.optional_value("target", str) or old.get("target", "branch"),
        "enforcement": fields.optional_value("enforcement", str)
        or old.get("enforcement")
        or fields.required_value("enforcement", str),
    }
    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            raise _validation_error(f"{name} must be one of {', '.join(sorted(choices))}")
    for name, kind in _PARTS.items():
        given = fields.optional_value(name, kind)
        settings[name] = old.get(name, kind()) if given is None else given
    for ruleset in call.repository.rulesets.values():
        if ruleset.id != ruleset_id and ruleset.settings["name"] == settings["name"]:
            raise _validation_error("Name must be unique")
    return settings


@ruleset_routes.serve_path("GET", _ALL, model="list[RepositoryRuleset]", docs=f"{_DOCS}#get-all-repository-rulesets")
def list_rulesets(call: ApiCall) -> ApiAnswer:
    """List the rulesets, without what they say."""
    page = call.select_page(list(call.repository.rulesets.values()))
    return ApiAnswer([_ruleset_json(call, item, with_rules=False) for item in page.items], headers=page.headers)


@ruleset_routes.serve_path("GET", _ONE, model="RepositoryRuleset", docs=f"{_DOCS}#get-a-repository-ruleset")
def get_ruleset(call: ApiCall, ruleset_id: int) -> ApiAnswer:
    """Show one ruleset."""
    return ApiAnswer(_ruleset_json(call, _find_ruleset(call, ruleset_id), with_rules=True))


@ruleset_routes.serve_path("POST", _ALL, model="RepositoryRuleset", docs=f"{_DOCS}#create-a-repository-ruleset")
def create_ruleset(call: ApiCall) -> ApiAnswer:
    """Create a ruleset."""
    settings = _read_settings(call, {}, None)
    moment = current_timestamp()
    ruleset = Ruleset(id=call.state.new_id(), settings=settings, created_at=moment, updated_at=moment)
    call.repository.rulesets[ruleset.id] = ruleset
    return created_answer(_ruleset_json(call, ruleset, with_rules=True))


@ruleset_routes.serve_path("PUT", _ONE, model="RepositoryRuleset", docs=f"{_DOCS}#update-a-repository-ruleset")
def update_ruleset(call: ApiCall, ruleset_id: int) -> ApiAnswer:
    """Change a ruleset."""
    old = _find_ruleset(call, ruleset_id)
    ruleset = Ruleset(
        id=ruleset_id,
        settings=_read_settings(call, old.settings, ruleset_id),
        created_at=old.created_at,
        updated_at=later_timestamp(old.updated_at),
    )
    call.repository.rulesets[ruleset_id] = ruleset
    return ApiAnswer(_ruleset_json(call, ruleset, with_rules=True))


@ruleset_routes.serve_path("DELETE", _ONE, model=NO_BODY, docs=f"{_DOCS}#delete-a-repository-ruleset")
def delete_ruleset(call: ApiCall, ruleset_id: int) -> ApiAnswer:
    """Delete a ruleset."""
    _find_ruleset(call, ruleset_id)
    del call.repository.rulesets[ruleset_id]
    return no_content()


@ruleset_routes.serve_path(
    "GET",
    f"{REPOSITORY_PATH}/rules/branches/<path:branch>",
    model=f"list[{_RULE}]",
    docs=f"{_DOCS}#get-rules-for-a-branch",
)
def list_branch_rules(call: ApiCall, branch: str) -> ApiAnswer:
    """List the active rules that apply to a branch, whether it exists or not."""
    page = call.select_page(
        [
            {
                **rule,
                "ruleset_source_type": "Repository",
                "ruleset_source": call.full_name,
                "ruleset_id": item.id,
            }
            for item in call.repository.rulesets.values()
            if guards.is_active_ruleset(item) and guards.applies_to_branch(call, item.settings, branch)
            for rule in item.settings["rules"]
        ],
    )
    return ApiAnswer(page.items, headers=page.headers)
