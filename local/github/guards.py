"""What forbids a change of files: a token without the scope, or a branch that demands a pull request."""

from __future__ import annotations

from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github import faults
from local.github.records import FaultName
from local.github.responses import ApiError, not_found_error

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json, Ruleset

WORKFLOW_PATH = ".github/workflows/"
_PROTECTED_DOCS = "https://docs.github.com/articles/about-protected-branches"


def check_workflow_scope(call: ApiCall, path: str) -> None:
    """Refuse a change of a workflow by a token that may not.

    GitHub hides the reason from a classic token behind a 404, and tells it to a fine-grained one.

    Raises:
        ApiError: The token may not change workflows.
    """
    if not path.startswith(WORKFLOW_PATH):
        return
    lacking = call.token.is_classic and "workflow" not in call.token.scopes
    if not lacking and faults.take_fault(call.state, FaultName.MISSING_WORKFLOW_SCOPE, call.path) is None:
        return
    if call.token.is_classic:
        raise not_found_error()
    raise ApiError(
        HTTPStatus.FORBIDDEN,
        "Resource not accessible by personal access token",
        headers={"X-Accepted-GitHub-Permissions": "contents=write; contents=write,workflows=write"},
    )


def check_direct_change(call: ApiCall, branch: str, verb: str) -> None:
    """Refuse a direct change of a branch that demands pull requests.

    Args:
        call: The request.
        branch: The branch to be changed.
        verb: What would be done to the file, as GitHub's message names it.

    Raises:
        ApiError: The branch is protected.
    """
    demand = "Changes must be made through a pull request."
    if any(_demands_pull_request(call, ruleset, branch) for ruleset in call.repository.rulesets.values()):
        raise ApiError(HTTPStatus.CONFLICT, f"Repository rule violations found\n\n{demand}\n\n")
    fault = call.state.faults.get(FaultName.PROTECTED_BRANCH)
    hit = (
        fault is not None
        and branch == (fault.branch or call.repository.default_branch)
        and faults.take_fault(call.state, FaultName.PROTECTED_BRANCH, call.path) is not None
    )
    protection = call.repository.protections.get(branch, {})
    # Administrators, as whom every token acts here, are bound only where the protection says so.
    if hit or (protection.get("required_pull_request_reviews") and protection.get("enforce_admins")):
        raise ApiError(HTTPStatus.CONFLICT, f"Could not {verb} file: {demand}", docs=_PROTECTED_DOCS)


def is_branch_protected(call: ApiCall, branch: str) -> bool:
    """Return whether anything protects a branch, whoever is bound by it."""
    fault = call.state.faults.get(FaultName.PROTECTED_BRANCH)
    return (
        branch in call.repository.protections
        or (fault is not None and branch == (fault.branch or call.repository.default_branch))
        or any(
            is_active_ruleset(ruleset) and applies_to_branch(call, ruleset.settings, branch)
            for ruleset in call.repository.rulesets.values()
        )
    )


def is_active_ruleset(ruleset: Ruleset) -> bool:
    """Return whether a ruleset binds branches at all."""
    return (ruleset.settings["enforcement"], ruleset.settings["target"]) == ("active", "branch")


def _demands_pull_request(call: ApiCall, ruleset: Ruleset, branch: str) -> bool:
    """Return whether a ruleset demands a pull request of the token's user for this branch."""
    settings = ruleset.settings
    return (
        is_active_ruleset(ruleset)
        and any(rule["type"] == "pull_request" for rule in settings["rules"])
        and not admins_may_bypass(settings)
        and applies_to_branch(call, settings, branch)
    )


def admins_may_bypass(settings: Json) -> bool:
    """Return whether administrators are exempt: as the role with the number 5 or as the organization's."""
    admin_role = 5
    return any(
        actor.get("bypass_mode") in {"always", "exempt"}
        and (
            actor["actor_type"] == "OrganizationAdmin"
            or (actor["actor_type"] == "RepositoryRole" and actor.get("actor_id") == admin_role)
        )
        for actor in settings["bypass_actors"]
    )


def applies_to_branch(call: ApiCall, settings: Json, branch: str) -> bool:
    """Return whether a ruleset's conditions include a branch."""
    names = (settings.get("conditions") or {}).get("ref_name") or {}

    def matches_branch(pattern: str) -> bool:
        if pattern == "~DEFAULT_BRANCH":
            return branch == call.repository.default_branch
        return pattern == "~ALL" or fnmatchcase(f"refs/heads/{branch}", pattern)

    included = any(matches_branch(pattern) for pattern in names.get("include") or [])
    return included and not any(matches_branch(pattern) for pattern in names.get("exclude") or [])
