"""The user who owns the repository and every token."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from local.github.responses import ApiAnswer, not_found_error
from local.github.routing import RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

account_routes = RouteTable()


def node_id(kind: str, number: int) -> str:
    """Return an object's GraphQL id."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


def simple_user(call: ApiCall) -> Json:
    """Return the user's representation within other objects."""
    owner = call.state.owner
    address = f"{call.root}/users/{owner.login}"
    return {
        "login": owner.login,
        "id": owner.id,
        "node_id": node_id("U", owner.id),
        "avatar_url": f"{call.root}/u/{owner.id}",
        "gravatar_id": "",
        "url": address,
        "html_url": f"{call.web_root}/{owner.login}",
        "followers_url": f"{address}/followers",
        "following_url": f"{address}/following{{/other_user}}",
        "gists_url": f"{address}/gists{{/gist_id}}",
        "starred_url": f"{address}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{address}/subscriptions",
        "organizations_url": f"{address}/orgs",
        "repos_url": f"{address}/repos",
        "events_url": f"{address}/events{{/privacy}}",
        "received_events_url": f"{address}/received_events",
        "type": "User",
        "site_admin": False,
    }


@account_routes.serve_path("GET", "/user")
def get_token_user(call: ApiCall) -> ApiAnswer:
    """Return the token's user."""
    unset = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_gists", "followers", "following"), 0)
    moment = call.repository.created_at
    return ApiAnswer(
        {
            **simple_user(call),
            **unset,
            **counts,
            "user_view_type": "public",
            "blog": "",
            "public_repos": 1,
            "created_at": moment,
            "updated_at": moment,
        }
    )


@account_routes.serve_path("GET", "/users/<login>")
def get_user(call: ApiCall, login: str) -> ApiAnswer:
    """Return a user."""
    if call.state.owner.login.lower() != login.lower():
        raise not_found_error()
    return get_token_user(call)


@account_routes.serve_path("GET", "/users/<login>/gpg_keys", "/users/<login>/keys")
def list_user_keys(call: ApiCall, login: str) -> ApiAnswer:
    """List a user's keys: always empty."""
    get_user(call, login)
    return ApiAnswer([])
