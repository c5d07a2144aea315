"""Finds GitHub resources that a dead run created without recording, of types that GitHub refuses to create twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor.github_client import GitHubClient, GitHubNotFound
from cfs.doctor.resource_types import DEPLOYMENT_POLICY_TYPE, PULL_REQUEST_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cfs.doctor.github_target import GitHubTarget

GitHubInputs = dict[str, Any]


def find_github_id(target: GitHubTarget, resource: dict[str, Any]) -> str | None:
    """Return the provider ID of a resource of a type in `ID_FINDERS`, or None if the resource does not exist."""
    client = GitHubClient(token=target.token, base_url=target.base_url)
    return ID_FINDERS[resource["type"]](client, target.settings.github_owner, resource.get("inputs") or {})


def _find_pull_request_id(client: GitHubClient, owner: str, inputs: GitHubInputs) -> str | None:
    repository, head = inputs["baseRepository"], f"{owner}:{inputs['headRef']}"
    found = client.get_json(f"repos/{owner}/{repository}/pulls", state="open", base=inputs["baseRef"], head=head).body
    return f"{owner}:{repository}:{found[0]['number']}" if found else None


def _find_deployment_policy_id(client: GitHubClient, owner: str, inputs: GitHubInputs) -> str | None:
    repository, environment = inputs["repository"], inputs["environment"]
    place = f"repos/{owner}/{repository}/environments/{environment}/deployment-branch-policies"
    try:
        listed = client.get_json(place, per_page="100").body["branch_policies"]
    except GitHubNotFound:
        return None
    numbers = (policy["id"] for policy in listed if policy["name"] == inputs["branchPattern"])
    return next((f"{repository}:{environment}:{number}" for number in numbers), None)


ID_FINDERS: Mapping[str, Callable[[GitHubClient, str, GitHubInputs], str | None]] = {
    DEPLOYMENT_POLICY_TYPE: _find_deployment_policy_id,
    PULL_REQUEST_TYPE: _find_pull_request_id,
}
"""Functions that find the provider ID, for types whose ID contains a number that GitHub assigns."""
