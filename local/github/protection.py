"""Branch protection, the predecessor of rulesets."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github.accounts import simple_user, token_user
from local.github.responses import ApiAnswer, ApiError, failed_validation_error, invalid_request_error, no_content
from local.github.routing import NO_BODY, REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

protection_routes = RouteTable()

_ONE = f"{REPOSITORY_PATH}/branches/<path:branch>/protection"
_REVIEWS = f"{_ONE}/required_pull_request_reviews"
_SIGNATURES = f"{_ONE}/required_signatures"
_DOCS = "branches/branch-protection"
_MANDATORY = ("required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions")
_SWITCHES = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "required_conversation_resolution",
    "lock_branch",
    "allow_fork_syncing",
)


def check_branch_exists(call: ApiCall, branch: str) -> None:
    """Refuse a branch that is not there.

    Raises:
        ApiError: There is no such branch.
    """
    if f"refs/heads/{branch}" not in call.repository.refs:
        raise ApiError(HTTPStatus.NOT_FOUND, "Branch not found")


def _find_protection(call: ApiCall, branch: str) -> Json:
    check_branch_exists(call, branch)
    if branch not in call.repository.protections:
        raise ApiError(HTTPStatus.NOT_FOUND, "Branch not protected")
    return call.repository.protections[branch]


def _protection_url(call: ApiCall, branch: str) -> str:
    return call.api_url(f"/branches/{quote(branch)}/protection")


def _status_checks_json(address: str, settings: Json) -> Json:
    """Show the status checks; GitHub gives them both as names and with the app that must report them."""
    checks = [
        {
            "context": check["context"],
            "app_id": None if check.get("app_id") in {None, -1} else check["app_id"],
        }
        for check in settings.get("checks") or [{"context": name} for name in settings.get("contexts") or []]
    ]
    return {
        "url": f"{address}/required_status_checks",
        "strict": settings.get("strict", False),
        "contexts": [check["context"] for check in checks],
        "contexts_url": f"{address}/required_status_checks/contexts",
        "checks": checks,
    }


def _reviews_json(address: str, settings: Json) -> Json:
    return {
        "url": f"{address}/required_pull_request_reviews",
        "dismiss_stale_reviews": settings.get("dismiss_stale_reviews", False),
        "require_code_owner_reviews": settings.get("require_code_owner_reviews", False),
        "require_last_push_approval": settings.get("require_last_push_approval", False),
        "required_approving_review_count": settings.get("required_approving_review_count", 1),
    }


def _restrictions_json(call: ApiCall, address: str, settings: Json) -> Json:
    """Show who may push; the stand-in knows one user, and has no teams or apps."""
    user = token_user(call)
    if settings.get("teams") or settings.get("apps") or set(settings.get("users") or []) - {user.login}:
        raise failed_validation_error("ProtectedBranch", "invalid", field="restrictions")
    return {
        "url": f"{address}/restrictions",
        "users_url": f"{address}/restrictions/users",
        "teams_url": f"{address}/restrictions/teams",
        "apps_url": f"{address}/restrictions/apps",
        "users": [simple_user(call, user)] if settings.get("users") else [],
        "teams": [],
        "apps": [],
    }


def _protection_json(call: ApiCall, branch: str, settings: Json) -> Json:
    address = _protection_url(call, branch)
    body: Json = {
        "url": address,
        "enforce_admins": {
            "url": f"{address}/enforce_admins",
            "enabled": bool(settings.get("enforce_admins")),
        },
        "required_signatures": _signatures_json(call, branch, settings),
        **{name: {"enabled": bool(settings.get(name))} for name in _SWITCHES},
    }
    if (checks := settings.get("required_status_checks")) is not None:
        body["required_status_checks"] = _status_checks_json(address, checks)
    if (reviews := settings.get("required_pull_request_reviews")) is not None:
        body["required_pull_request_reviews"] = _reviews_json(address, reviews)
    if (restrictions := settings.get("restrictions")) is not None:
        body["restrictions"] = _restrictions_json(call, address, restrictions)
    return body


def _signatures_json(call: ApiCall, branch: str, settings: Json) -> Json:
    enabled = bool(settings.get("required_signatures"))
    return {"url": f"{_protection_url(call, branch)}/required_signatures", "enabled": enabled}


def branch_protection_json(call: ApiCall, branch: str) -> Json:
    """Show the part of the protection that GitHub repeats in the branch."""
    settings = call.repository.protections.get(branch)
    checks = (settings or {}).get("required_status_checks")
    shown = _status_checks_json(_protection_url(call, branch), checks) if checks else {"contexts": [], "checks": []}
    level = "non_admins" if checks else "off"
    shown = {"enforcement_level": level, "contexts": shown["contexts"], "checks": shown["checks"]}
    return {"enabled": settings is not None, "required_status_checks": shown}


@protection_routes.serve_path("GET", _ONE, model="BranchProtection", docs=f"{_DOCS}#get-branch-protection")
def get_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Show how a branch is protected."""
    return ApiAnswer(_protection_json(call, branch, _find_protection(call, branch)))


@protection_routes.serve_path("PUT", _ONE, model="ProtectedBranch", docs=f"{_DOCS}#update-branch-protection")
def put_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Protect a branch, or replace how it is protected; only required signatures stay."""
    check_branch_exists(call, branch)
    for name in _MANDATORY:
        if name not in call.fields.values:
            raise invalid_request_error(f'"{name}" wasn\'t supplied.')
    old = call.repository.protections.get(branch, {})
    settings = dict(call.fields.values) | {"required_signatures": old.get("required_signatures", False)}
    body = _protection_json(call, branch, settings)
    call.repository.protections[branch] = settings
    return ApiAnswer(body)


@protection_routes.serve_path("DELETE", _ONE, model=NO_BODY, docs=f"{_DOCS}#delete-branch-protection")
def delete_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Protect a branch no longer."""
    _find_protection(call, branch)
    del call.repository.protections[branch]
    return no_content()


@protection_routes.serve_path("DELETE", _REVIEWS, model=NO_BODY, docs=f"{_DOCS}#delete-pull-request-review-protection")
def delete_review_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Demand reviews no longer."""
    _find_protection(call, branch)["required_pull_request_reviews"] = None
    return no_content()


@protection_routes.serve_path(
    "GET",
    _SIGNATURES,
    model="ProtectedBranchAdminEnforced",
    docs=f"{_DOCS}#get-commit-signature-protection",
)
def get_signature_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Show whether commits must be signed."""
    return ApiAnswer(_signatures_json(call, branch, _find_protection(call, branch)))


@protection_routes.serve_path(
    "POST",
    _SIGNATURES,
    model="ProtectedBranchAdminEnforced",
    docs=f"{_DOCS}#create-commit-signature-protection",
)
def create_signature_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Demand signed commits."""
    settings = _find_protection(call, branch)
    settings["required_signatures"] = True
    return ApiAnswer(_signatures_json(call, branch, settings))


@protection_routes.serve_path("DELETE", _SIGNATURES, model=NO_BODY, docs=f"{_DOCS}#delete-commit-signature-protection")
def delete_signature_protection(call: ApiCall, branch: str) -> ApiAnswer:
    """Demand signed commits no longer."""
    _find_protection(call, branch)["required_signatures"] = False
    return no_content()
