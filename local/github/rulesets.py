"""Rulesets of the repository."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github import guards
from local.github.accounts import node_id
from local.github.clock import after, now
from local.github.records import Ruleset
from local.github.responses import Answer, ApiError, created, no_content, not_found
from local.github.routing import NO_BODY, REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call
    from local.github.records import Json

routes = Routes()

_ALL = f"{REPOSITORY}/rulesets"
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


def _find(call: Call, ruleset_id: int) -> Ruleset:
    found = call.repository.rulesets.get(ruleset_id)
    if found is None:
        raise not_found()
    return found


def _shown(call: Call, ruleset: Ruleset, *, whole: bool) -> Json:
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
            "self": {"href": call.api(f"/rulesets/{ruleset.id}")},
            "html": {"href": call.html(f"/rules/{ruleset.id}")},
        },
        "created_at": ruleset.created_at,
        "updated_at": ruleset.updated_at,
    }
    if whole:
        body["conditions"] = settings["conditions"]
        body["rules"] = settings["rules"]
        body["bypass_actors"] = settings["bypass_actors"]
        body["current_user_can_bypass"] = "always" if guards.may_bypass(settings) else "never"
    return body


def _refused(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=[{"message": message}])


def _settings(call: Call, old: Json, ruleset_id: int | None) -> Json:
    """Read the settings; what a request leaves out stays as it was."""
    fields = call.fields
    settings: Json = {
        "name": fields.optional("name", str) or old.get("name") or fields.required("name", str),
        "target": fields.optional("target", str) or old.get("target", "branch"),
        "enforcement": fields.optional("enforcement", str)
        or old.get("enforcement")
        or fields.required("enforcement", str),
    }
    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            raise _refused(f"{name} must be one of {', '.join(sorted(choices))}")
    for name, kind in _PARTS.items():
        given = fields.optional(name, kind)
        settings[name] = old.get(name, kind()) if given is None else given
    for ruleset in call.repository.rulesets.values():
        if ruleset.id != ruleset_id and ruleset.settings["name"] == settings["name"]:
            raise _refused("Name must be unique")
    return settings


@routes.on("GET", _ALL, model="list[RepositoryRuleset]", docs=f"{_DOCS}#get-all-repository-rulesets")
def list_rulesets(call: Call) -> Answer:
    """List the rulesets, without what they say."""
    page = call.page(list(call.repository.rulesets.values()))
    return Answer([_shown(call, item, whole=False) for item in page.items], headers=page.headers)


@routes.on("GET", _ONE, model="RepositoryRuleset", docs=f"{_DOCS}#get-a-repository-ruleset")
def get_ruleset(call: Call, ruleset_id: int) -> Answer:
    """Show one ruleset."""
    return Answer(_shown(call, _find(call, ruleset_id), whole=True))


@routes.on("POST", _ALL, model="RepositoryRuleset", docs=f"{_DOCS}#create-a-repository-ruleset")
def create_ruleset(call: Call) -> Answer:
    """Create a ruleset."""
    settings = _settings(call, {}, None)
    moment = now()
    ruleset = Ruleset(id=call.state.new_id(), settings=settings, created_at=moment, updated_at=moment)
    call.repository.rulesets[ruleset.id] = ruleset
    return created(_shown(call, ruleset, whole=True))


@routes.on("PUT", _ONE, model="RepositoryRuleset", docs=f"{_DOCS}#update-a-repository-ruleset")
def update_ruleset(call: Call, ruleset_id: int) -> Answer:
    """Change a ruleset."""
    old = _find(call, ruleset_id)
    ruleset = Ruleset(
        id=ruleset_id,
        settings=_settings(call, old.settings, ruleset_id),
        created_at=old.created_at,
        updated_at=after(old.updated_at),
    )
    call.repository.rulesets[ruleset_id] = ruleset
    return Answer(_shown(call, ruleset, whole=True))


@routes.on("DELETE", _ONE, model=NO_BODY, docs=f"{_DOCS}#delete-a-repository-ruleset")
def delete_ruleset(call: Call, ruleset_id: int) -> Answer:
    """Delete a ruleset."""
    _find(call, ruleset_id)
    del call.repository.rulesets[ruleset_id]
    return no_content()


@routes.on(
    "GET",
    f"{REPOSITORY}/rules/branches/<path:branch>",
    model=f"list[{_RULE}]",
    docs=f"{_DOCS}#get-rules-for-a-branch",
)
def list_rules(call: Call, branch: str) -> Answer:
    """List the active rules that apply to a branch, whether it exists or not."""
    page = call.page(
        [
            {
                **rule,
                "ruleset_source_type": "Repository",
                "ruleset_source": call.full_name,
                "ruleset_id": item.id,
            }
            for item in call.repository.rulesets.values()
            if guards.is_active(item) and guards.applies(call, item.settings, branch)
            for rule in item.settings["rules"]
        ],
    )
    return Answer(page.items, headers=page.headers)
