"""Deployment environments: required reviewers, wait timer, and branches that may deploy."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github.accounts import node_id, simple_user
from local.github.clock import current_timestamp, later_timestamp
from local.github.records import BranchPolicy, EnvironmentRecord, Json
from local.github.responses import ApiAnswer, ApiError, failed_validation_error, no_content, not_found_error
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall

environment_routes = RouteTable()

_ONE = f"{REPOSITORY_PATH}/environments/<path:environment_name>"
_POLICIES = f"{_ONE}/deployment-branch-policies"
_POLICY = f"{_POLICIES}/<int:policy_id>"
_MAX_WAIT_MINUTES = 43_200


def find_github_environment(call: ApiCall, name: str) -> EnvironmentRecord:
    """Find an environment; its name is not case-sensitive.

    Raises:
        ApiError: There is no environment with this name.
    """
    found = call.repository.environments.get(name.lower())
    if found is None:
        raise not_found_error()
    return found


def _reviewer_json(call: ApiCall, entry: Json) -> Json:
    """Return one reviewer; the stand-in has one user and no teams."""
    if (entry.get("type"), entry.get("id")) != ("User", call.state.owner.id):
        raise failed_validation_error("Environment", "invalid", field="reviewers")
    return {"type": "User", "reviewer": simple_user(call)}


def _protection_rules_json(call: ApiCall, found: EnvironmentRecord) -> list[Json]:
    """Return the protection rules, each with a stable id."""
    settings = found.settings
    kinds: list[Json] = []
    if settings["wait_timer"]:
        kinds.append({"type": "wait_timer", "wait_timer": settings["wait_timer"]})
    if settings["reviewers"]:
        reviewers = [_reviewer_json(call, entry) for entry in settings["reviewers"]]
        self_review = settings["prevent_self_review"]
        kinds.append({"type": "required_reviewers", "prevent_self_review": self_review, "reviewers": reviewers})
    if settings["deployment_branch_policy"]:
        kinds.append({"type": "branch_policy"})
    ids = {"wait_timer": 1, "required_reviewers": 2, "branch_policy": 3}
    return [
        {"id": (number := found.id * 10 + ids[kind["type"]]), "node_id": node_id("GA", number), **kind}
        for kind in kinds
    ]


def _environment_json(call: ApiCall, found: EnvironmentRecord) -> Json:
    address = quote(found.name, safe="")
    return {
        "id": found.id,
        "node_id": node_id("EN", found.id),
        "name": found.name,
        "url": call.api_url(f"/environments/{address}"),
        "html_url": call.web_url(f"/deployments/activity_log?environments_filter={address}"),
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "can_admins_bypass": found.settings["can_admins_bypass"],
        "protection_rules": _protection_rules_json(call, found),
        "deployment_branch_policy": found.settings["deployment_branch_policy"],
    }


def _read_settings(call: ApiCall) -> Json:
    """Read the settings; those absent from a request are reset."""
    fields = call.fields
    wait = fields.optional_value("wait_timer", int) or 0
    if not 0 <= wait <= _MAX_WAIT_MINUTES:
        raise failed_validation_error("Environment", "invalid", field="wait_timer")
    policy = fields.optional_value("deployment_branch_policy", dict)
    if policy is not None and bool(policy.get("protected_branches")) == bool(policy.get("custom_branch_policies")):
        raise failed_validation_error("Environment", "invalid", field="deployment_branch_policy")
    reviewers = fields.optional_value("reviewers", list) or []
    for entry in reviewers:
        _reviewer_json(call, entry)
    bypass = fields.optional_value("can_admins_bypass", bool)
    return {
        "wait_timer": wait,
        "reviewers": reviewers,
        "prevent_self_review": fields.optional_value("prevent_self_review", bool) or False,
        "can_admins_bypass": True if bypass is None else bypass,
        "deployment_branch_policy": policy,
    }


@environment_routes.serve_path("GET", _ONE)
def get_environment(call: ApiCall, environment_name: str) -> ApiAnswer:
    """Return one environment."""
    return ApiAnswer(_environment_json(call, find_github_environment(call, environment_name)))


@environment_routes.serve_path("PUT", _ONE)
def put_environment(call: ApiCall, environment_name: str) -> ApiAnswer:
    """Create an environment, or replace its settings; variables and secrets are kept."""
    settings = _read_settings(call)
    table = call.repository.environments
    found = table.get(environment_name.lower())
    if found is None:
        moment = current_timestamp()
        found = EnvironmentRecord(
            id=call.state.new_id(),
            name=environment_name,
            created_at=moment,
            updated_at=moment,
        )
        table[environment_name.lower()] = found
    else:
        found.updated_at = later_timestamp(found.updated_at)
    found.settings = settings
    if not _has_policies(found):
        found.policies.clear()
    return ApiAnswer(_environment_json(call, found))


@environment_routes.serve_path("DELETE", _ONE)
def delete_environment(call: ApiCall, environment_name: str) -> ApiAnswer:
    """Delete an environment with its secrets, variables and policies."""
    find_github_environment(call, environment_name)
    del call.repository.environments[environment_name.lower()]
    return no_content()


def _has_policies(found: EnvironmentRecord) -> bool:
    policy = found.settings["deployment_branch_policy"]
    return policy is not None and policy["custom_branch_policies"]


def _find_with_policies(call: ApiCall, name: str) -> EnvironmentRecord:
    """Find an environment with custom branch policies; GitHub hides the policies of all others."""
    found = find_github_environment(call, name)
    if not _has_policies(found):
        raise not_found_error()
    return found


def _find_policy(call: ApiCall, name: str, policy_id: int) -> BranchPolicy:
    policy = _find_with_policies(call, name).policies.get(policy_id)
    if policy is None:
        raise not_found_error()
    return policy


def _policy_json(policy: BranchPolicy) -> Json:
    return {"id": policy.id, "node_id": node_id("GP", policy.id), "name": policy.name, "type": policy.type}


@environment_routes.serve_path("GET", _POLICIES)
def list_branch_policies(call: ApiCall, environment_name: str) -> ApiAnswer:
    """List the patterns of branches and tags that may deploy."""
    policies = list(_find_with_policies(call, environment_name).policies.values())
    shown = [_policy_json(policy) for policy in call.select_page(policies)]
    return ApiAnswer({"total_count": len(policies), "branch_policies": shown})


@environment_routes.serve_path("POST", _POLICIES)
def create_branch_policy(call: ApiCall, environment_name: str) -> ApiAnswer:
    """Allow a pattern of branches or tags to deploy."""
    found = _find_with_policies(call, environment_name)
    name = call.fields.required_value("name", str)
    kind = call.fields.optional_value("type", str) or "branch"
    if kind not in {"branch", "tag"}:
        raise failed_validation_error("DeploymentBranchPolicy", "invalid", field="type")
    if any((policy.name, policy.type) == (name, kind) for policy in found.policies.values()):
        raise ApiError(HTTPStatus.SEE_OTHER, "A deployment branch policy with this name exists already.")
    policy = BranchPolicy(id=call.state.new_id(), name=name, type=kind)
    found.policies[policy.id] = policy
    return ApiAnswer(_policy_json(policy))


@environment_routes.serve_path("GET", _POLICY)
def get_branch_policy(call: ApiCall, environment_name: str, policy_id: int) -> ApiAnswer:
    """Return one pattern."""
    return ApiAnswer(_policy_json(_find_policy(call, environment_name, policy_id)))


@environment_routes.serve_path("PUT", _POLICY)
def update_branch_policy(call: ApiCall, environment_name: str, policy_id: int) -> ApiAnswer:
    """Change a pattern, but not its type (branch or tag)."""
    policy = replace(_find_policy(call, environment_name, policy_id), name=call.fields.required_value("name", str))
    find_github_environment(call, environment_name).policies[policy_id] = policy
    return ApiAnswer(_policy_json(policy))


@environment_routes.serve_path("DELETE", _POLICY)
def delete_branch_policy(call: ApiCall, environment_name: str, policy_id: int) -> ApiAnswer:
    """Delete a pattern."""
    _find_policy(call, environment_name, policy_id)
    del find_github_environment(call, environment_name).policies[policy_id]
    return no_content()
