"""Branch protection, the predecessor of rulesets."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github.accounts import simple_user, viewer
from local.github.responses import Answer, ApiError, failed_validation, invalid, no_content
from local.github.routing import NO_BODY, REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call
    from local.github.records import Json

routes = Routes()

_ONE = f"{REPOSITORY}/branches/<path:branch>/protection"
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


def check_branch_exists(call: Call, branch: str) -> None:
    """Refuse a branch that is not there.

    Raises:
        ApiError: There is no such branch.
    """
    if f"refs/heads/{branch}" not in call.repository.refs:
        raise ApiError(HTTPStatus.NOT_FOUND, "Branch not found")


def _found(call: Call, branch: str) -> Json:
    check_branch_exists(call, branch)
    if branch not in call.repository.protections:
        raise ApiError(HTTPStatus.NOT_FOUND, "Branch not protected")
    return call.repository.protections[branch]


def _address(call: Call, branch: str) -> str:
    return call.api(f"/branches/{quote(branch)}/protection")


def _checks(address: str, settings: Json) -> Json:
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


def _reviews(address: str, settings: Json) -> Json:
    return {
        "url": f"{address}/required_pull_request_reviews",
        "dismiss_stale_reviews": settings.get("dismiss_stale_reviews", False),
        "require_code_owner_reviews": settings.get("require_code_owner_reviews", False),
        "require_last_push_approval": settings.get("require_last_push_approval", False),
        "required_approving_review_count": settings.get("required_approving_review_count", 1),
    }


def _restrictions(call: Call, address: str, settings: Json) -> Json:
    """Show who may push; the stand-in knows one user, and has no teams or apps."""
    user = viewer(call)
    if settings.get("teams") or settings.get("apps") or set(settings.get("users") or []) - {user.login}:
        raise failed_validation("ProtectedBranch", "invalid", field="restrictions")
    return {
        "url": f"{address}/restrictions",
        "users_url": f"{address}/restrictions/users",
        "teams_url": f"{address}/restrictions/teams",
        "apps_url": f"{address}/restrictions/apps",
        "users": [simple_user(call, user)] if settings.get("users") else [],
        "teams": [],
        "apps": [],
    }


def _shown(call: Call, branch: str, settings: Json) -> Json:
    address = _address(call, branch)
    body: Json = {
        "url": address,
        "enforce_admins": {
            "url": f"{address}/enforce_admins",
            "enabled": bool(settings.get("enforce_admins")),
        },
        "required_signatures": _signatures(call, branch, settings),
        **{name: {"enabled": bool(settings.get(name))} for name in _SWITCHES},
    }
    if (checks := settings.get("required_status_checks")) is not None:
        body["required_status_checks"] = _checks(address, checks)
    if (reviews := settings.get("required_pull_request_reviews")) is not None:
        body["required_pull_request_reviews"] = _reviews(address, reviews)
    if (restrictions := settings.get("restrictions")) is not None:
        body["restrictions"] = _restrictions(call, address, restrictions)
    return body


def _signatures(call: Call, branch: str, settings: Json) -> Json:
    enabled = bool(settings.get("required_signatures"))
    return {"url": f"{_address(call, branch)}/required_signatures", "enabled": enabled}


def shown_on_branch(call: Call, branch: str) -> Json:
    """Show the part of the protection that GitHub repeats in the branch."""
    settings = call.repository.protections.get(branch)
    checks = (settings or {}).get("required_status_checks")
    shown = _checks(_address(call, branch), checks) if checks else {"contexts": [], "checks": []}
    level = "non_admins" if checks else "off"
    shown = {"enforcement_level": level, "contexts": shown["contexts"], "checks": shown["checks"]}
    return {"enabled": settings is not None, "required_status_checks": shown}


@routes.on("GET", _ONE, model="BranchProtection", docs=f"{_DOCS}#get-branch-protection")
def get_protection(call: Call, branch: str) -> Answer:
    """Show how a branch is protected."""
    return Answer(_shown(call, branch, _found(call, branch)))


@routes.on("PUT", _ONE, model="ProtectedBranch", docs=f"{_DOCS}#update-branch-protection")
def put_protection(call: Call, branch: str) -> Answer:
    """Protect a branch, or replace how it is protected; only required signatures stay."""
    check_branch_exists(call, branch)
    for name in _MANDATORY:
        if name not in call.fields.values:
            raise invalid(f'"{name}" wasn\'t supplied.')
    old = call.repository.protections.get(branch, {})
    settings = dict(call.fields.values) | {"required_signatures": old.get("required_signatures", False)}
    body = _shown(call, branch, settings)
    call.repository.protections[branch] = settings
    return Answer(body)


@routes.on("DELETE", _ONE, model=NO_BODY, docs=f"{_DOCS}#delete-branch-protection")
def delete_protection(call: Call, branch: str) -> Answer:
    """Protect a branch no longer."""
    _found(call, branch)
    del call.repository.protections[branch]
    return no_content()


@routes.on("DELETE", _REVIEWS, model=NO_BODY, docs=f"{_DOCS}#delete-pull-request-review-protection")
def delete_reviews(call: Call, branch: str) -> Answer:
    """Demand reviews no longer."""
    _found(call, branch)["required_pull_request_reviews"] = None
    return no_content()


@routes.on(
    "GET",
    _SIGNATURES,
    model="ProtectedBranchAdminEnforced",
    docs=f"{_DOCS}#get-commit-signature-protection",
)
def get_signatures(call: Call, branch: str) -> Answer:
    """Show whether commits must be signed."""
    return Answer(_signatures(call, branch, _found(call, branch)))


@routes.on(
    "POST",
    _SIGNATURES,
    model="ProtectedBranchAdminEnforced",
    docs=f"{_DOCS}#create-commit-signature-protection",
)
def require_signatures(call: Call, branch: str) -> Answer:
    """Demand signed commits."""
    settings = _found(call, branch)
    settings["required_signatures"] = True
    return Answer(_signatures(call, branch, settings))


@routes.on("DELETE", _SIGNATURES, model=NO_BODY, docs=f"{_DOCS}#delete-commit-signature-protection")
def delete_signatures(call: Call, branch: str) -> Answer:
    """Demand signed commits no longer."""
    _found(call, branch)["required_signatures"] = False
    return no_content()
