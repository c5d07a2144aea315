"""API routes for branches, branch protection and rulesets."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import guards
from local.github.accounts import node_id
from local.github.commits import full_commit_json
from local.github.records import Ruleset
from local.github.responses import ApiAnswer, ApiError, created_answer, invalid_request_error, not_found_error
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

branch_routes = RouteTable()

_ONE = f"{REPOSITORY_PATH}/branches/<path:branch>"
_PROTECTION = f"{_ONE}/protection"
_MANDATORY = ("required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions")
_CHOICES = {"target": ("branch", "tag", "push"), "enforcement": ("active", "disabled", "evaluate")}


def _head_sha(call: ApiCall, branch: str) -> str:
    """Return the hash of a branch's last commit."""
    sha = call.repository.refs.get(f"refs/heads/{branch}")
    if sha is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "Branch not found")
    return sha


@branch_routes.serve_path("GET", _ONE)
def get_branch(call: ApiCall, branch: str) -> ApiAnswer:
    """Return a branch with its last commit."""
    commit = call.repository.objects.commits[_head_sha(call, branch)]
    address = call.api_url(f"/branches/{quote(branch)}")
    return ApiAnswer(
        {
            "name": branch,
            "commit": full_commit_json(call, commit),
            "_links": {"self": address, "html": call.web_url(f"/tree/{quote(branch)}")},
            "protected": guards.is_branch_protected(call, branch),
            "protection": {"enabled": branch in call.repository.protections},
            "protection_url": f"{address}/protection",
        }
    )


def _protection_json(call: ApiCall, branch: str) -> Json:
    settings = call.repository.protections[branch]
    address = call.api_url(f"/branches/{quote(branch)}/protection")
    body: Json = {
        "url": address,
        "enforce_admins": {"url": f"{address}/enforce_admins", "enabled": bool(settings["enforce_admins"])},
    }
    if (reviews := settings["required_pull_request_reviews"]) is not None:
        defaults: Json = {
            "url": f"{address}/required_pull_request_reviews",
            "dismiss_stale_reviews": False,
            "require_code_owner_reviews": False,
        }
        body["required_pull_request_reviews"] = defaults | reviews
    if (checks := settings["required_status_checks"]) is not None:
        body["required_status_checks"] = {
            "url": f"{address}/required_status_checks",
            "contexts_url": f"{address}/required_status_checks/contexts",
            "strict": checks.get("strict", False),
            "contexts": checks.get("contexts", []),
            "checks": checks.get("checks", []),
        }
    body["lock_branch"] = {"enabled": bool(settings.get("lock_branch"))}
    if guards.SIGNATURES_FIELD in settings:
        body["required_signatures"] = _signatures_json(address)
    return body


def _signatures_json(address: str) -> Json:
    return {"url": f"{address}/required_signatures", "enabled": True}


@branch_routes.serve_path("GET", _PROTECTION)
def get_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Return a branch's protection."""
    _head_sha(call, branch)
    if branch not in call.repository.protections:
        raise ApiError(HTTPStatus.NOT_FOUND, "Branch not protected")
    return ApiAnswer(_protection_json(call, branch))


@branch_routes.serve_path("PUT", _PROTECTION)
def put_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Protect a branch, or replace its protection."""
    _head_sha(call, branch)
    for name in _MANDATORY:
        if name not in call.fields.values:
            raise invalid_request_error(f'"{name}" wasn\'t supplied.')
    call.repository.protections[branch] = call.fields.values
    return ApiAnswer(_protection_json(call, branch))


@branch_routes.serve_path("POST", f"{_PROTECTION}/required_signatures")
def demand_signatures(call: ApiCall, branch: str) -> ApiAnswer:
    """Require signed commits on a protected branch."""
    if branch not in call.repository.protections:
        raise ApiError(HTTPStatus.NOT_FOUND, "Branch not protected")
    call.repository.protections[branch] |= {guards.SIGNATURES_FIELD: True}
    return ApiAnswer(_signatures_json(call.api_url(f"/branches/{quote(branch)}/protection")))


@branch_routes.serve_path("POST", f"{REPOSITORY_PATH}/rulesets")
def create_ruleset(call: ApiCall) -> ApiAnswer:
    """Create a ruleset."""
    fields = call.fields
    settings: Json = {
        "name": fields.required_value("name", str),
        "target": fields.optional_value("target", str) or "branch",
        "enforcement": fields.required_value("enforcement", str),
        "conditions": fields.optional_value("conditions", dict) or {},
        "rules": fields.optional_value("rules", list) or [],
        "bypass_actors": fields.optional_value("bypass_actors", list) or [],
    }
    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            raise invalid_request_error(f"{name} must be one of {', '.join(choices)}")
    ruleset = Ruleset(id=call.state.new_id(), settings=settings)
    call.repository.rulesets[ruleset.id] = ruleset
    return created_answer(_ruleset_json(call, ruleset))


@branch_routes.serve_path("GET", f"{REPOSITORY_PATH}/rulesets/<int:ruleset_id>")
def get_ruleset(call: ApiCall, ruleset_id: int) -> ApiAnswer:
    """Return a ruleset."""
    if (ruleset := call.repository.rulesets.get(ruleset_id)) is None:
        raise not_found_error()
    return ApiAnswer(_ruleset_json(call, ruleset))


def _ruleset_json(call: ApiCall, ruleset: Ruleset) -> Json:
    moment = call.repository.created_at
    return {
        **ruleset.settings,
        "id": ruleset.id,
        "source_type": "Repository",
        "source": call.full_name,
        "node_id": node_id("RRS", ruleset.id),
        "_links": {
            "self": {"href": call.api_url(f"/rulesets/{ruleset.id}")},
            "html": {"href": call.web_url(f"/rules/{ruleset.id}")},
        },
        "created_at": moment,
        "updated_at": moment,
        "current_user_can_bypass": guards.bypass_of_admins(ruleset.settings),
    }


@branch_routes.serve_path("GET", f"{REPOSITORY_PATH}/rules/branches/<path:branch>")
def list_branch_rules(call: ApiCall, branch: str) -> ApiAnswer:
    """List the active rules that apply to a branch name; the branch need not exist."""
    source: Json = {"ruleset_source_type": "Repository", "ruleset_source": call.full_name}
    return ApiAnswer(
        [
            {**rule, **source, "ruleset_id": ruleset.id}
            for ruleset in guards.branch_rulesets(call, branch)
            for rule in ruleset.settings["rules"]
        ]
    )
