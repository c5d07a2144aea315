"""Deployment environments: who must approve, how long to wait, and which branches may deploy."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github.accounts import node_id, simple_user, viewer
from local.github.clock import after, now
from local.github.records import AccountKind, BranchPolicy, Environment, Json
from local.github.responses import Answer, ApiError, failed_validation, no_content, not_found
from local.github.routing import NO_BODY, REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call

routes = Routes()

_ALL = f"{REPOSITORY}/environments"
_ONE = f"{_ALL}/<path:environment_name>"
_POLICIES = f"{_ONE}/deployment-branch-policies"
_POLICY = f"{_POLICIES}/<int:policy_id>"
_DOCS = "deployments/environments"
_POLICY_DOCS = "deployments/branch-policies"
_LONGEST_WAIT = 43_200
_POLICY_LIST = "ReposOwnerRepoEnvironmentsEnvironmentNameDeploymentBranchPoliciesGetResponse200"


def environment(call: Call, name: str) -> Environment:
    """Find an environment; GitHub does not distinguish capitals in its name.

    Raises:
        ApiError: There is none of this name.
    """
    found = call.repository.environments.get(name.lower())
    if found is None:
        raise not_found()
    return found


def _reviewer(call: Call, entry: Json) -> Json:
    """Show one reviewer; the stand-in knows the accounts and has no teams."""
    for account in (call.state.owner, viewer(call)):
        if entry.get("type") == "User" and entry.get("id") == account.id and account.kind is AccountKind.USER:
            return {"type": "User", "reviewer": simple_user(call, account)}
    raise failed_validation("Environment", "invalid", field="reviewers")


def _rules(call: Call, found: Environment) -> list[Json]:
    """Show the protection rules, each with an id that stays the same."""
    settings = found.settings
    kinds: list[Json] = []
    if settings["wait_timer"]:
        kinds.append({"type": "wait_timer", "wait_timer": settings["wait_timer"]})
    if settings["reviewers"]:
        reviewers = [_reviewer(call, entry) for entry in settings["reviewers"]]
        self_review = settings["prevent_self_review"]
        kinds.append({"type": "required_reviewers", "prevent_self_review": self_review, "reviewers": reviewers})
    if settings["deployment_branch_policy"]:
        kinds.append({"type": "branch_policy"})
    ids = {"wait_timer": 1, "required_reviewers": 2, "branch_policy": 3}
    return [
        {"id": (number := found.id * 10 + ids[kind["type"]]), "node_id": node_id("GA", number), **kind}
        for kind in kinds
    ]


def _shown(call: Call, found: Environment) -> Json:
    address = quote(found.name, safe="")
    return {
        "id": found.id,
        "node_id": node_id("EN", found.id),
        "name": found.name,
        "url": call.api(f"/environments/{address}"),
        "html_url": call.html(f"/deployments/activity_log?environments_filter={address}"),
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "can_admins_bypass": found.settings["can_admins_bypass"],
        "protection_rules": _rules(call, found),
        "deployment_branch_policy": found.settings["deployment_branch_policy"],
    }


def _settings(call: Call) -> Json:
    """Read the settings; what a request leaves out is reset."""
    fields = call.fields
    wait = fields.optional("wait_timer", int) or 0
    if not 0 <= wait <= _LONGEST_WAIT:
        raise failed_validation("Environment", "invalid", field="wait_timer")
    policy = fields.optional("deployment_branch_policy", dict)
    if policy is not None and bool(policy.get("protected_branches")) == bool(policy.get("custom_branch_policies")):
        raise failed_validation("Environment", "invalid", field="deployment_branch_policy")
    reviewers = fields.optional("reviewers", list) or []
    for entry in reviewers:
        _reviewer(call, entry)
    bypass = fields.optional("can_admins_bypass", bool)
    return {
        "wait_timer": wait,
        "reviewers": reviewers,
        "prevent_self_review": fields.optional("prevent_self_review", bool) or False,
        "can_admins_bypass": True if bypass is None else bypass,
        "deployment_branch_policy": policy,
    }


@routes.on("GET", _ALL, model="ReposOwnerRepoEnvironmentsGetResponse200", docs=f"{_DOCS}#list-environments")
def list_environments(call: Call) -> Answer:
    """List the environments."""
    table = call.repository.environments
    page = call.page([table[name] for name in sorted(table)])
    body: Json = {"total_count": page.total, "environments": [_shown(call, item) for item in page.items]}
    return Answer(body, headers=page.headers)


@routes.on("GET", _ONE, model="Environment", docs=f"{_DOCS}#get-an-environment")
def get_environment(call: Call, environment_name: str) -> Answer:
    """Show one environment."""
    return Answer(_shown(call, environment(call, environment_name)))


@routes.on("PUT", _ONE, model="Environment", docs=f"{_DOCS}#create-or-update-an-environment")
def put_environment(call: Call, environment_name: str) -> Answer:
    """Create an environment or replace its settings; what it contains stays."""
    settings = _settings(call)
    table = call.repository.environments
    found = table.get(environment_name.lower())
    if found is None:
        moment = now()
        found = Environment(
            id=call.state.new_id(),
            name=environment_name,
            created_at=moment,
            updated_at=moment,
        )
        table[environment_name.lower()] = found
    else:
        found.updated_at = after(found.updated_at)
    found.settings = settings
    if not _has_policies(found):
        found.policies.clear()
    return Answer(_shown(call, found))


@routes.on("DELETE", _ONE, model=NO_BODY, docs=f"{_DOCS}#delete-an-environment")
def delete_environment(call: Call, environment_name: str) -> Answer:
    """Delete an environment with its secrets, variables and policies."""
    environment(call, environment_name)
    del call.repository.environments[environment_name.lower()]
    return no_content()


def _has_policies(found: Environment) -> bool:
    policy = found.settings["deployment_branch_policy"]
    return policy is not None and policy["custom_branch_policies"]


def _with_policies(call: Call, name: str) -> Environment:
    """Find an environment that has policies of its own; GitHub hides the policies of all others."""
    found = environment(call, name)
    if not _has_policies(found):
        raise not_found()
    return found


def _policy(call: Call, name: str, policy_id: int) -> BranchPolicy:
    policy = _with_policies(call, name).policies.get(policy_id)
    if policy is None:
        raise not_found()
    return policy


def _shown_policy(policy: BranchPolicy) -> Json:
    return {"id": policy.id, "node_id": node_id("GP", policy.id), "name": policy.name, "type": policy.type}


@routes.on("GET", _POLICIES, model=_POLICY_LIST, docs=f"{_POLICY_DOCS}#list-deployment-branch-policies")
def list_policies(call: Call, environment_name: str) -> Answer:
    """List the patterns of branches and tags that may deploy."""
    page = call.page(list(_with_policies(call, environment_name).policies.values()))
    body: Json = {
        "total_count": page.total,
        "branch_policies": [_shown_policy(policy) for policy in page.items],
    }
    return Answer(body, headers=page.headers)


@routes.on(
    "POST",
    _POLICIES,
    model="DeploymentBranchPolicy",
    docs=f"{_POLICY_DOCS}#create-a-deployment-branch-policy",
)
def create_policy(call: Call, environment_name: str) -> Answer:
    """Let a pattern of branches or tags deploy."""
    found = _with_policies(call, environment_name)
    name = call.fields.required("name", str)
    kind = call.fields.optional("type", str) or "branch"
    if kind not in {"branch", "tag"}:
        raise failed_validation("DeploymentBranchPolicy", "invalid", field="type")
    if any((policy.name, policy.type) == (name, kind) for policy in found.policies.values()):
        raise ApiError(HTTPStatus.SEE_OTHER, "A deployment branch policy with this name exists already.")
    policy = BranchPolicy(id=call.state.new_id(), name=name, type=kind)
    found.policies[policy.id] = policy
    return Answer(_shown_policy(policy))


@routes.on("GET", _POLICY, model="DeploymentBranchPolicy", docs=f"{_POLICY_DOCS}#get-a-deployment-branch-policy")
def get_policy(call: Call, environment_name: str, policy_id: int) -> Answer:
    """Show one pattern."""
    return Answer(_shown_policy(_policy(call, environment_name, policy_id)))


@routes.on("PUT", _POLICY, model="DeploymentBranchPolicy", docs=f"{_POLICY_DOCS}#update-a-deployment-branch-policy")
def update_policy(call: Call, environment_name: str, policy_id: int) -> Answer:
    """Change a pattern; whether it means branches or tags stays."""
    policy = replace(_policy(call, environment_name, policy_id), name=call.fields.required("name", str))
    environment(call, environment_name).policies[policy_id] = policy
    return Answer(_shown_policy(policy))


@routes.on("DELETE", _POLICY, model=NO_BODY, docs=f"{_POLICY_DOCS}#delete-a-deployment-branch-policy")
def delete_policy(call: Call, environment_name: str, policy_id: int) -> Answer:
    """Delete a pattern."""
    _policy(call, environment_name, policy_id)
    del environment(call, environment_name).policies[policy_id]
    return no_content()
