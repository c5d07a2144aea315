"""Commits and the other Git objects, as the API shows them."""

from __future__ import annotations

import base64
import difflib
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import git
from local.github.accounts import node_id, simple_user, viewer
from local.github.responses import Answer, ApiError, not_found
from local.github.routing import REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call
    from local.github.records import Commit, Json, Person

routes = Routes()

_UNSIGNED: Json = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def resolve(call: Call, name: str) -> str | None:
    """Find the commit that a branch, a tag, a full reference, or a hash names."""
    for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
        if found := call.repository.refs.get(candidate):
            return found
    return name if name in call.repository.objects.commits else None


def files_at(call: Call, sha: str) -> dict[str, str]:
    """Give the flat tree of a commit."""
    objects = call.repository.objects
    return objects.trees[objects.commits[sha].tree]


def _person(person: Person) -> Json:
    return {"name": person.name, "email": person.email, "date": person.date}


def _account(call: Call, person: Person) -> Json | None:
    """Show whose commit it is where the address is that of the token's user."""
    user = viewer(call)
    return simple_user(call, user) if person.email == private_email(user.login, user.id) else None


def private_email(login: str, number: int) -> str:
    """Give the address that GitHub writes into the commits of a user who keeps theirs private."""
    return f"{number}+{login}@users.noreply.github.com"


def git_commit(call: Call, commit: Commit) -> Json:
    """Show a commit as Git knows it."""
    return {
        "sha": commit.sha,
        "node_id": node_id("C", int(commit.sha[:8], 16)),
        "url": call.api(f"/git/commits/{commit.sha}"),
        "html_url": call.html(f"/commit/{commit.sha}"),
        "author": _person(commit.author),
        "committer": _person(commit.committer),
        "tree": {"sha": commit.tree, "url": call.api(f"/git/trees/{commit.tree}")},
        "message": commit.message,
        "parents": [
            {
                "sha": parent,
                "url": call.api(f"/git/commits/{parent}"),
                "html_url": call.html(f"/commit/{parent}"),
            }
            for parent in commit.parents
        ],
        "verification": _UNSIGNED,
    }


def full_commit(call: Call, commit: Commit) -> Json:
    """Show a commit with whose it is, but without its files."""
    address = call.api(f"/commits/{commit.sha}")
    return {
        "sha": commit.sha,
        "node_id": node_id("C", int(commit.sha[:8], 16)),
        "url": address,
        "html_url": call.html(f"/commit/{commit.sha}"),
        "comments_url": f"{address}/comments",
        "commit": {
            "url": call.api(f"/git/commits/{commit.sha}"),
            "author": _person(commit.author),
            "committer": _person(commit.committer),
            "message": commit.message,
            "comment_count": 0,
            "tree": {"sha": commit.tree, "url": call.api(f"/git/trees/{commit.tree}")},
            "verification": _UNSIGNED,
        },
        "author": _account(call, commit.author),
        "committer": _account(call, commit.committer),
        "parents": [
            {
                "sha": parent,
                "url": call.api(f"/commits/{parent}"),
                "html_url": call.html(f"/commit/{parent}"),
            }
            for parent in commit.parents
        ],
    }


def _lines(call: Call, sha: str | None) -> list[str]:
    content = b"" if sha is None else git.blob(call.repository.objects, sha)
    return content.decode(errors="replace").splitlines(keepends=True)


def _changed_file(call: Call, sha: str, change: git.Change) -> Json:
    """Show what happened to one file."""
    difference = list(difflib.unified_diff(_lines(call, change.old), _lines(call, change.new), n=3))[2:]
    added = sum(line.startswith("+") for line in difference)
    removed = sum(line.startswith("-") for line in difference)
    path = quote(change.path)
    return {
        "sha": change.new or change.old,
        "filename": change.path,
        "status": change.status,
        "additions": added,
        "deletions": removed,
        "changes": added + removed,
        "blob_url": call.html(f"/blob/{sha}/{path}"),
        "raw_url": call.html(f"/raw/{sha}/{path}"),
        "contents_url": call.api(f"/contents/{path}?ref={sha}"),
        "patch": "".join(difference),
    }


def changed_files(call: Call, sha: str, changes: list[git.Change]) -> list[Json]:
    """Show what a commit, or several that end with it, did to files."""
    return [_changed_file(call, sha, change) for change in changes]


@routes.on("GET", f"{REPOSITORY}/commits", model="list[Commit]", docs="commits/commits#list-commits")
def list_commits(call: Call) -> Answer:
    """List the commits of a branch, the newest first; `path` leaves those that changed it."""
    start = call.query.get("sha") or call.repository.default_branch
    sha = resolve(call, start)
    if sha is None:
        raise not_found()
    objects = call.repository.objects
    path = call.query.get("path", "").strip("/")
    found = [
        commit
        for commit in git.history(objects, sha)
        if not path
        or any(change.path == path or change.path.startswith(f"{path}/") for change in git.changes(objects, commit))
    ]
    page = call.page(found)
    return Answer([full_commit(call, commit) for commit in page.items], headers=page.headers)


@routes.on("GET", f"{REPOSITORY}/commits/<path:name>", model="Commit", docs="commits/commits#get-a-commit")
def get_commit(call: Call, name: str) -> Answer:
    """Show a commit with the files that it changed."""
    sha = resolve(call, name)
    if sha is None:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"No commit found for SHA: {name}")
    objects = call.repository.objects
    commit = objects.commits[sha]
    page = call.page(git.changes(objects, commit), size=300, limit=300)
    files = changed_files(call, sha, page.items)
    added = sum(file["additions"] for file in files)
    removed = sum(file["deletions"] for file in files)
    body: Json = full_commit(call, commit) | {
        "stats": {"total": added + removed, "additions": added, "deletions": removed},
        "files": files,
    }
    return Answer(body, headers=page.headers)


@routes.on("GET", f"{REPOSITORY}/git/commits/<sha>", model="GitCommit", docs="git/commits#get-a-commit-object")
def get_git_commit(call: Call, sha: str) -> Answer:
    """Show a commit as Git knows it."""
    found = call.repository.objects.commits.get(sha)
    if found is None:
        raise not_found()
    return Answer(git_commit(call, found))


@routes.on("GET", f"{REPOSITORY}/git/trees/<path:name>", model="GitTree", docs="git/trees#get-a-tree")
def get_tree(call: Call, name: str) -> Answer:
    """Show a commit's files, those of the root directory or, with `recursive`, all of them."""
    objects = call.repository.objects
    commit = resolve(call, name)
    files = files_at(call, commit) if commit else objects.trees.get(name)
    if files is None:
        raise not_found()
    entries = git.walk(files) if call.query.get("recursive") else git.children(files)
    return Answer(
        {
            "sha": git.tree_sha(files),
            "url": call.api(f"/git/trees/{git.tree_sha(files)}"),
            "truncated": False,
            "tree": [_tree_entry(call, entry) for entry in entries],
        },
    )


def _tree_entry(call: Call, entry: git.Entry) -> Json:
    if entry.is_directory:
        address = call.api(f"/git/trees/{entry.sha}")
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
        "size": len(git.blob(call.repository.objects, entry.sha)),
        "url": call.api(f"/git/blobs/{entry.sha}"),
    }


@routes.on("GET", f"{REPOSITORY}/git/blobs/<sha>", model="Blob", docs="git/blobs#get-a-blob")
def get_blob(call: Call, sha: str) -> Answer:
    """Show a file's content by its hash."""
    if sha not in call.repository.objects.blobs:
        raise not_found()
    content = git.blob(call.repository.objects, sha)
    return Answer(
        {
            "sha": sha,
            "node_id": node_id("B", int(sha[:8], 16)),
            "size": len(content),
            "url": call.api(f"/git/blobs/{sha}"),
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        },
    )
