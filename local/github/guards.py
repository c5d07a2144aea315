"""Checks that refuse changes of files and branches: the token's scope, rulesets and branch protection."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from cfs.doctor.path_patterns import matches_path
from local.github import faults
from local.github.records import FaultName
from local.github.responses import ApiError, not_found_error
from local.github.rules import BranchChange, protection_violation, rule_violation

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json, Ruleset
    from local.github.rules import NewCommit

WORKFLOW_PATH = ".github/workflows/"
_PROTECTED_DOCS = "https://docs.github.com/articles/about-protected-branches"
SIGNATURES_FIELD = "required_signatures"
"""The field of a stored branch protection that requires signed commits."""
_ADMIN_ROLE = 5
"""ID of the repository role `admin`."""


def check_workflow_scope(call: ApiCall, path: str) -> None:
    """Refuse a change of a workflow file while the fault of a missing scope is active.

    GitHub answers 404 to a classic token, and 403 with the reason to a fine-grained one.

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


def check_commit(call: ApiCall, branch: str, verb: str, commit: NewCommit) -> None:
    """Refuse a commit that a branch's rules or protection forbid.

    Args:
        call: The request.
        branch: The branch to change.
        verb: The verb for the change of the file in GitHub's message: `create`, `update` or `delete`.
        commit: The commit.

    Raises:
        ApiError: A rule or the protection forbids the commit.
    """
    check_rules(call, BranchChange(branch=branch, kind="update", commit=commit), HTTPStatus.CONFLICT)
    protection = call.repository.protections.get(branch, {})
    # Every token here belongs to an administrator, who is bound only if the protection includes administrators.
    if not protection.get("enforce_admins"):
        return
    if demand := protection_violation(protection, signs=bool(protection.get(SIGNATURES_FIELD))):
        raise ApiError(HTTPStatus.CONFLICT, f"Could not {verb} file: {demand}", docs=_PROTECTED_DOCS)


def check_rules(call: ApiCall, change: BranchChange, status: HTTPStatus) -> None:
    """Refuse a change of a branch that a rule forbids.

    Raises:
        ApiError: A rule forbids the change.
    """
    exempt = {"always", "pull_requests_only"} if change.kind == "merge" else {"always"}
    violations = [
        violation
        for ruleset in branch_rulesets(call, change.branch)
        if bypass_of_admins(ruleset.settings) not in exempt
        for rule in ruleset.settings["rules"]
        if (violation := rule_violation(rule, change))
    ]
    if violations:
        raise ApiError(status, "\n\n".join(["Repository rule violations found", *violations, ""]))


def is_branch_protected(call: ApiCall, branch: str) -> bool:
    """Return whether a branch has a protection or rulesets, even if they do not apply to administrators."""
    return branch in call.repository.protections or bool(branch_rulesets(call, branch))


def branch_rulesets(call: ApiCall, branch: str) -> list[Ruleset]:
    """Return the active rulesets that apply to a branch; push rulesets apply to all branches."""
    return [
        ruleset
        for ruleset in call.repository.rulesets.values()
        if ruleset.settings["enforcement"] == "active" and _applies_to_branch(call, ruleset.settings, branch)
    ]


def bypass_of_admins(settings: Json) -> str:
    """Return when administrators bypass a ruleset: `always`, `pull_requests_only` or `never`."""
    modes = {
        actor.get("bypass_mode")
        for actor in settings["bypass_actors"]
        if (actor["actor_type"], actor.get("actor_id")) == ("RepositoryRole", _ADMIN_ROLE)
    }
    if modes & {"always", "exempt"}:
        return "always"
    return "pull_requests_only" if modes else "never"


def _applies_to_branch(call: ApiCall, settings: Json, branch: str) -> bool:
    if settings["target"] != "branch":
        return bool(settings["target"] == "push")
    names = settings["conditions"].get("ref_name") or {}

    def matches_branch(pattern: str) -> bool:
        if pattern == "~DEFAULT_BRANCH":
            return branch == call.repository.default_branch
        return pattern == "~ALL" or matches_path(pattern, f"refs/heads/{branch}")

    included = any(matches_branch(pattern) for pattern in names.get("include") or [])
    return included and not any(matches_branch(pattern) for pattern in names.get("exclude") or [])
