"""API routes for the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.github.accounts import node_id, simple_user
from local.github.clock import later_timestamp
from local.github.responses import ApiAnswer
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

repository_routes = RouteTable()

_SETTINGS: Json = {
    "private": False,
    "description": None,
    "homepage": None,
    "has_issues": True,
    "has_projects": True,
    "has_wiki": True,
    "has_discussions": False,
    "archived": False,
    "is_template": False,
    "allow_squash_merge": True,
    "allow_merge_commit": True,
    "allow_rebase_merge": True,
    "allow_auto_merge": False,
    "allow_update_branch": False,
    "delete_branch_on_merge": False,
    "web_commit_signoff_required": False,
}
"""Changeable settings, with the defaults of a new repository."""

_ADDRESSES = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}

_COUNTS = ("forks", "open_issues", "watchers")


def simple_repository_json(call: ApiCall) -> Json:
    """Return the repository's representation within other objects."""
    found = call.repository
    settings = _SETTINGS | found.settings
    clone = f"{call.web_url()}.git"
    return {
        "id": found.id,
        "node_id": node_id("R", found.id),
        "name": found.name,
        "full_name": call.full_name,
        "owner": simple_user(call),
        "html_url": call.web_url(),
        "url": call.api_url(),
        "fork": False,
        **{name: call.api_url(path) for name, path in _ADDRESSES.items()},
        "clone_url": clone,
        "git_url": clone,
        "ssh_url": clone,
        "svn_url": call.web_url(),
        "mirror_url": None,
        "language": None,
        "license": None,
        "size": 0,
        "default_branch": found.default_branch,
        "topics": [],
        "visibility": "private" if settings["private"] else "public",
        "disabled": False,
        "has_pages": False,
        "allow_forking": True,
        "pushed_at": found.pushed_at,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "stargazers_count": 0,
        **dict.fromkeys(_COUNTS, 0),
        **{f"{name}_count": 0 for name in _COUNTS},
        "permissions": dict.fromkeys(("admin", "maintain", "push", "triage", "pull"), True),
        **settings,
    }


def _full_repository_json(call: ApiCall) -> Json:
    return simple_repository_json(call) | {"network_count": 0, "subscribers_count": 0}


@repository_routes.serve_path("GET", REPOSITORY_PATH)
def get_repository(call: ApiCall) -> ApiAnswer:
    """Return the repository."""
    return ApiAnswer(_full_repository_json(call))


@repository_routes.serve_path("PATCH", REPOSITORY_PATH)
def update_repository(call: ApiCall) -> ApiAnswer:
    """Change the settings."""
    found = call.repository
    found.settings |= {
        name: call.fields.optional_value(name, str) if default is None else call.fields.required_value(name, bool)
        for name, default in _SETTINGS.items()
        if name in call.fields.values
    }
    found.updated_at = later_timestamp(found.updated_at)
    return ApiAnswer(_full_repository_json(call))
