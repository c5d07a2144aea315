"""What a dead run has made at GitHub and not recorded, where GitHub would refuse to make it a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor.client import Client, Missing
from cfs.doctor.resource_types import DEPLOYMENT_POLICY, PULL_REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cfs.doctor.target import Target

Inputs = dict[str, Any]


def find(target: Target, resource: dict[str, Any]) -> str | None:
    """Give the id that the provider knows a resource by, if it is there.

    Args:
        target: The stack.
        resource: The resource as the state has it, of one of the types that `FOUND_BY` names.

    Raises:
        UserError: GitHub cannot be asked.
    """
    client = Client(token=target.token, base_url=target.base_url)
    return FOUND_BY[resource["type"]](client, target.settings.github_owner, resource.get("inputs") or {})


def _pull_request(client: Client, owner: str, of: Inputs) -> str | None:
    repository, head = of["baseRepository"], f"{owner}:{of['headRef']}"
    found = client.get(f"repos/{owner}/{repository}/pulls", state="open", base=of["baseRef"], head=head).body
    return f"{owner}:{repository}:{found[0]['number']}" if found else None


def _deployment_policy(client: Client, owner: str, of: Inputs) -> str | None:
    repository, environment = of["repository"], of["environment"]
    place = f"repos/{owner}/{repository}/environments/{environment}/deployment-branch-policies"
    try:
        listed = client.get(place, per_page="100").body["branch_policies"]
    except Missing:
        return None
    numbers = (policy["id"] for policy in listed if policy["name"] == of["branchPattern"])
    return next((f"{repository}:{environment}:{number}" for number in numbers), None)


FOUND_BY: Mapping[str, Callable[[Client, str, Inputs], str | None]] = {
    DEPLOYMENT_POLICY: _deployment_policy,
    PULL_REQUEST: _pull_request,
}
"""How each type of resource is looked for whose id is a number that GitHub gives."""
