"""API routes for commits and other Git objects."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import git
from local.github.accounts import node_id, simple_user
from local.github.responses import ApiAnswer, ApiError, not_found_error
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Account, CommitRecord, Json, Person

commit_routes = RouteTable()

_UNSIGNED: Json = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def resolve_commit(call: ApiCall, name: str) -> str | None:
    """Return the hash of the commit that a branch, tag, full reference or hash names."""
    for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
        if found := call.repository.refs.get(candidate):
            return found
    return name if name in call.repository.objects.commits else None


def commit_files(call: ApiCall, sha: str) -> dict[str, str]:
    """Return the flat tree of a commit."""
    objects = call.repository.objects
    return objects.trees[objects.commits[sha].tree]


def _person_json(person: Person) -> Json:
    return {"name": person.name, "email": person.email, "date": person.date}


def _account_json(call: ApiCall, person: Person) -> Json | None:
    """Return a commit's account if its email address is the token user's."""
    return simple_user(call) if person.email == private_email(call.state.owner) else None


def private_email(user: Account) -> str:
    """Return the email address that GitHub writes into commits of a user with a private address."""
    return f"{user.id}+{user.login}@users.noreply.github.com"


def git_commit_json(call: ApiCall, commit: CommitRecord) -> Json:
    """Return a commit's Git data."""
    return {
        "sha": commit.sha,
        "node_id": node_id("C", int(commit.sha[:8], 16)),
        "url": call.api_url(f"/git/commits/{commit.sha}"),
        "html_url": call.web_url(f"/commit/{commit.sha}"),
        "author": _person_json(commit.author),
        "committer": _person_json(commit.author),
        "tree": {"sha": commit.tree, "url": call.api_url(f"/git/trees/{commit.tree}")},
        "message": commit.message,
        "parents": [
            {
                "sha": parent,
                "url": call.api_url(f"/git/commits/{parent}"),
                "html_url": call.web_url(f"/commit/{parent}"),
            }
            for parent in commit.parents
        ],
        "verification": _UNSIGNED,
    }


def full_commit_json(call: ApiCall, commit: CommitRecord) -> Json:
    """Return a commit with its accounts, but without its files."""
    address = call.api_url(f"/commits/{commit.sha}")
    return {
        "sha": commit.sha,
        "node_id": node_id("C", int(commit.sha[:8], 16)),
        "url": address,
        "html_url": call.web_url(f"/commit/{commit.sha}"),
        "comments_url": f"{address}/comments",
        "commit": {
            "url": call.api_url(f"/git/commits/{commit.sha}"),
            "author": _person_json(commit.author),
            "committer": _person_json(commit.author),
            "message": commit.message,
            "comment_count": 0,
            "tree": {"sha": commit.tree, "url": call.api_url(f"/git/trees/{commit.tree}")},
            "verification": _UNSIGNED,
        },
        "author": _account_json(call, commit.author),
        "committer": _account_json(call, commit.author),
        "parents": [
            {
                "sha": parent,
                "url": call.api_url(f"/commits/{parent}"),
                "html_url": call.web_url(f"/commit/{parent}"),
            }
            for parent in commit.parents
        ],
    }


def _line_count(call: ApiCall, sha: str | None) -> int:
    return 0 if sha is None else len(git.read_blob(call.repository.objects, sha).splitlines())


def _changed_file_json(call: ApiCall, sha: str, change: git.FileChange) -> Json:
    """Return the change of one file, which counts as fully rewritten, without a patch."""
    added, removed = _line_count(call, change.new), _line_count(call, change.old)
    path = quote(change.path)
    return {
        "sha": change.new or change.old,
        "filename": change.path,
        "status": change.change_status,
        "additions": added,
        "deletions": removed,
        "changes": added + removed,
        "blob_url": call.web_url(f"/blob/{sha}/{path}"),
        "raw_url": call.web_url(f"/raw/{sha}/{path}"),
        "contents_url": call.api_url(f"/contents/{path}?ref={sha}"),
    }


def changed_files_json(call: ApiCall, sha: str, changes: list[git.FileChange]) -> list[Json]:
    """Return the file changes of a commit, or of several that end with it."""
    return [_changed_file_json(call, sha, change) for change in changes]


@commit_routes.serve_path("GET", f"{REPOSITORY_PATH}/commits")
def list_commits(call: ApiCall) -> ApiAnswer:
    """List the commits of a branch, newest first; `path` selects those that changed it."""
    start = call.query.get("sha") or call.repository.default_branch
    sha = resolve_commit(call, start)
    if sha is None:
        raise not_found_error()
    objects = call.repository.objects
    path = call.query.get("path", "").strip("/")
    found = [
        commit
        for commit in git.commit_history(objects, sha)
        if not path
        or any(
            change.path == path or change.path.startswith(f"{path}/") for change in git.commit_changes(objects, commit)
        )
    ]
    return ApiAnswer([full_commit_json(call, commit) for commit in call.select_page(found)])


@commit_routes.serve_path("GET", f"{REPOSITORY_PATH}/commits/<path:name>")
def get_commit(call: ApiCall, name: str) -> ApiAnswer:
    """Return a commit with its changed files."""
    sha = resolve_commit(call, name)
    if sha is None:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"No commit found for SHA: {name}")
    objects = call.repository.objects
    commit = objects.commits[sha]
    files = changed_files_json(call, sha, git.commit_changes(objects, commit))
    added = sum(file["additions"] for file in files)
    removed = sum(file["deletions"] for file in files)
    body: Json = full_commit_json(call, commit) | {
        "stats": {"total": added + removed, "additions": added, "deletions": removed},
        "files": files,
    }
    return ApiAnswer(body)


@commit_routes.serve_path("GET", f"{REPOSITORY_PATH}/git/trees/<path:name>")
def get_tree(call: ApiCall, name: str) -> ApiAnswer:
    """Return all files and directories of a commit, as with `recursive`."""
    objects = call.repository.objects
    commit = resolve_commit(call, name)
    files = commit_files(call, commit) if commit else objects.trees.get(name)
    if files is None:
        raise not_found_error()
    return ApiAnswer(
        {
            "sha": git.tree_sha(files),
            "url": call.api_url(f"/git/trees/{git.tree_sha(files)}"),
            "truncated": False,
            "tree": [_tree_entry(call, entry) for entry in git.walk_tree(files)],
        },
    )


def _tree_entry(call: ApiCall, entry: git.TreeEntry) -> Json:
    if entry.is_directory:
        address = call.api_url(f"/git/trees/{entry.sha}")
        return {
            "path": entry.path,
            "mode": git.DIRECTORY_MODE,
            "type": "tree",
            "sha": entry.sha,
            "url": address,
        }
    return {
        "path": entry.path,
        "mode": git.FILE_MODE,
        "type": "blob",
        "sha": entry.sha,
        "size": len(git.read_blob(call.repository.objects, entry.sha)),
        "url": call.api_url(f"/git/blobs/{entry.sha}"),
    }
