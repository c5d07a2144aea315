"""Who owns the repository, and who the token belongs to."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from local.github.records import Account, AccountKind, Json
from local.github.responses import ApiAnswer, not_found_error
from local.github.routing import RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall

account_routes = RouteTable()

_MASCOT = Account(login="octocat", id=583231, kind=AccountKind.USER)
"""The token's user where the owner is an organization: GitHub's mascot, so that nobody is invented."""


def token_user(call: ApiCall) -> Account:
    """Return the user whom the token belongs to."""
    return call.state.owner if call.state.owner.kind is AccountKind.USER else _MASCOT


def node_id(kind: str, number: int) -> str:
    """Make the id that GraphQL would use."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


def simple_user(call: ApiCall, account: Account) -> Json:
    """Show an account where it is part of something else."""
    address = f"{call.root}/users/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("U" if account.kind is AccountKind.USER else "O", account.id),
        "avatar_url": f"{call.root}/u/{account.id}",
        "gravatar_id": "",
        "url": address,
        "html_url": f"{call.web_root}/{account.login}",
        "followers_url": f"{address}/followers",
        "following_url": f"{address}/following{{/other_user}}",
        "gists_url": f"{address}/gists{{/gist_id}}",
        "starred_url": f"{address}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{address}/subscriptions",
        "organizations_url": f"{address}/orgs",
        "repos_url": f"{address}/repos",
        "events_url": f"{address}/events{{/privacy}}",
        "received_events_url": f"{address}/received_events",
        "type": account.kind.value,
        "site_admin": False,
    }


def _public_user(call: ApiCall, account: Account) -> Json:
    return simple_user(call, account) | {
        "user_view_type": "public",
        "name": None,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "public_repos": 1,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": call.repository.created_at,
        "updated_at": call.repository.created_at,
    }


@account_routes.serve_path("GET", "/user", model="PublicUser", docs="users/users#get-the-authenticated-user")
def get_token_user(call: ApiCall) -> ApiAnswer:
    """Show the token's user."""
    return ApiAnswer(_public_user(call, token_user(call)))


@account_routes.serve_path("GET", "/users/<login>", model="PublicUser", docs="users/users#get-a-user")
def get_user(call: ApiCall, login: str) -> ApiAnswer:
    """Show a user or an organization."""
    for account in (call.state.owner, token_user(call)):
        if account.login.lower() == login.lower():
            return ApiAnswer(_public_user(call, account))
    raise not_found_error()


@account_routes.serve_path(
    "GET", "/users/<login>/gpg_keys", model="list[GpgKey]", docs="users/gpg-keys#list-gpg-keys-for-a-user"
)
@account_routes.serve_path(
    "GET", "/users/<login>/keys", model="list[KeySimple]", docs="users/keys#list-public-keys-for-a-user"
)
def list_user_keys(call: ApiCall, login: str) -> ApiAnswer:
    """List the keys of a user: nobody has any here."""
    get_user(call, login)
    return ApiAnswer([])


@account_routes.serve_path("GET", "/orgs/<login>", model="OrganizationFull", docs="orgs/orgs#get-an-organization")
def get_organization(call: ApiCall, login: str) -> ApiAnswer:
    """Show the owner where it is an organization."""
    account = call.state.owner
    if account.kind is not AccountKind.ORGANIZATION or account.login.lower() != login.lower():
        raise not_found_error()
    address = f"{call.root}/orgs/{account.login}"
    return ApiAnswer(
        {
            "login": account.login,
            "id": account.id,
            "node_id": node_id("O", account.id),
            "url": address,
            "repos_url": f"{address}/repos",
            "events_url": f"{address}/events",
            "hooks_url": f"{address}/hooks",
            "issues_url": f"{address}/issues",
            "members_url": f"{address}/members{{/member}}",
            "public_members_url": f"{address}/public_members{{/member}}",
            "avatar_url": f"{call.root}/u/{account.id}",
            "description": None,
            "has_organization_projects": True,
            "has_repository_projects": True,
            "public_repos": 1,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "html_url": f"{call.web_root}/{account.login}",
            "type": account.kind.value,
            "created_at": call.repository.created_at,
            "updated_at": call.repository.created_at,
            "archived_at": None,
        },
    )
