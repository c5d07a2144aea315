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
_ADMIN_ROLE = 5
"""Number of the repository's role of administrators."""


def check_workflow_scope(call: ApiCall, path: str) -> None:
    """Refuse a change of a workflow while the token's lack of that scope is simulated.

    GitHub hides the reason from a classic token behind a 404, and tells it to a fine-grained one.

    Raises:
        ApiError: The token may not change workflows.
    """
    if not path.startswith(WORKFLOW_PATH):
        return
    if faults.take_fault(call.state, FaultName.MISSING_WORKFLOW_SCOPE, call.path) is None:
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
    if any(_demands_pull_request(ruleset) for ruleset in branch_rulesets(call, branch)):
        raise ApiError(HTTPStatus.CONFLICT, f"Repository rule violations found\n\n{demand}\n\n")
    protection = call.repository.protections.get(branch, {})
    # Administrators, as whom every token acts here, are bound only where the protection says so.
    if protection.get("required_pull_request_reviews") is not None and protection.get("enforce_admins"):
        raise ApiError(HTTPStatus.CONFLICT, f"Could not {verb} file: {demand}", docs=_PROTECTED_DOCS)


def is_branch_protected(call: ApiCall, branch: str) -> bool:
    """Return whether anything protects a branch, whoever is bound by it."""
    return branch in call.repository.protections or bool(branch_rulesets(call, branch))


def branch_rulesets(call: ApiCall, branch: str) -> list[Ruleset]:
    """Return the active rulesets whose conditions include a branch."""
    return [
        ruleset
        for ruleset in call.repository.rulesets.values()
        if (ruleset.settings["enforcement"], ruleset.settings["target"]) == ("active", "branch")
        and _applies_to_branch(call, ruleset.settings, branch)
    ]


def _demands_pull_request(ruleset: Ruleset) -> bool:
    """Return whether a ruleset demands a pull request of the token's user."""
    demands = any(rule["type"] == "pull_request" for rule in ruleset.settings["rules"])
    return demands and not admins_may_bypass(ruleset.settings)


def admins_may_bypass(settings: Json) -> bool:
    """Return whether the repository's administrators are exempt."""
    return any(
        (actor["actor_type"], actor.get("actor_id")) == ("RepositoryRole", _ADMIN_ROLE)
        and actor.get("bypass_mode") in {"always", "exempt"}
        for actor in settings["bypass_actors"]
    )


def _applies_to_branch(call: ApiCall, settings: Json, branch: str) -> bool:
    names = settings["conditions"].get("ref_name") or {}

    def matches_branch(pattern: str) -> bool:
        if pattern == "~DEFAULT_BRANCH":
            return branch == call.repository.default_branch
        return pattern == "~ALL" or fnmatchcase(f"refs/heads/{branch}", pattern)

    included = any(matches_branch(pattern) for pattern in names.get("include") or [])
    return included and not any(matches_branch(pattern) for pattern in names.get("exclude") or [])
