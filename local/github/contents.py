"""Files: reading them, and changing them by a commit for each."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import git, guards
from local.github.accounts import viewer
from local.github.clock import now
from local.github.commits import files_at, git_commit, private_email, resolve
from local.github.records import Commit, Json, Person
from local.github.responses import Answer, ApiError, created, invalid, not_found
from local.github.routing import REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call

routes = Routes()

_ROOT = f"{REPOSITORY}/contents"
_ONE = f"{_ROOT}/<path:path>"
_DOCS = "repos/contents"
_WELL_FORMED = re.compile(r"(?!.*(^|/)(\.|\.\.|\.git)?(/|$)).+")
"""Paths without empty parts, without steps upward, and outside Git's own folder."""


@dataclass(frozen=True, kw_only=True)
class _Target:
    """The file that a change is about."""

    path: str
    branch: str
    head: str
    files: dict[str, str]

    @property
    def sha(self) -> str | None:
        """Give the hash of the file's present content, if there is such a file."""
        return self.files.get(self.path)


def _shown(call: Call, entry: git.Entry, ref: str) -> Json:
    """Show a file or a directory without its content."""
    path = quote(entry.path)
    kind = "trees" if entry.is_directory else "blobs"
    links: Json = {
        "self": call.api(f"/contents/{path}?{_ref_query(ref)}"),
        "git": call.api(f"/git/{kind}/{entry.sha}"),
        "html": call.html(f"/{'tree' if entry.is_directory else 'blob'}/{quote(ref)}/{path}"),
    }
    return {
        "name": entry.name,
        "path": entry.path,
        "sha": entry.sha,
        "size": 0 if entry.is_directory else len(git.blob(call.repository.objects, entry.sha)),
        "url": links["self"],
        "html_url": links["html"],
        "git_url": links["git"],
        "download_url": None if entry.is_directory else call.html(f"/raw/{quote(ref)}/{path}"),
        "type": "dir" if entry.is_directory else "file",
        "_links": links,
    }


def _ref_query(ref: str) -> str:
    return f"ref={quote(ref, safe='')}"


def _file(call: Call, path: str, sha: str, ref: str) -> Json:
    """Show a file without its content."""
    return _shown(call, git.Entry(path=path, sha=sha, is_directory=False), ref)


@routes.on(
    "GET",
    _ROOT,
    _ONE,
    model="ContentFile | list[ContentDirectoryItems]",
    docs=f"{_DOCS}#get-repository-content",
)
def get_contents(call: Call, path: str = "") -> Answer:
    """Show a file with its content, or list a directory."""
    ref = call.query.get("ref") or call.repository.default_branch
    head = resolve(call, ref)
    if head is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"No commit found for the ref {ref}")
    path = path.strip("/")
    files = files_at(call, head)
    if (sha := files.get(path)) is not None:
        content = base64.encodebytes(git.blob(call.repository.objects, sha)).decode()
        return Answer(_file(call, path, sha, ref) | {"content": content, "encoding": "base64"})
    entries = git.children(files, path)
    if not entries:
        raise not_found()
    return Answer([_shown(call, entry, ref) for entry in entries])


def _target(call: Call, path: str) -> _Target:
    """Find what a change is about, and whether it is allowed.

    Raises:
        ApiError: The branch is missing or protected, the token may not, or `sha` is not that of the file.
    """
    path = path.strip("/")
    if not _WELL_FORMED.fullmatch(path):
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "path contains a malformed path component")
    branch = call.fields.optional("branch", str) or call.query.get("branch") or call.repository.default_branch
    head = call.repository.refs.get(f"refs/heads/{branch}")
    if head is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"Branch {branch} not found")
    target = _Target(path=path, branch=branch, head=head, files=files_at(call, head))
    if any(path.startswith(f"{name}/") or name.startswith(f"{path}/") for name in target.files):
        raise invalid(f"{path} is a directory, or lies below a file.")
    guards.check_workflow_scope(call, path)
    sha = call.fields.optional("sha", str) or call.query.get("sha")
    if sha is None and target.sha is not None:
        raise invalid('"sha" wasn\'t supplied.')
    if sha is not None and sha != target.sha:
        raise ApiError(HTTPStatus.CONFLICT, f"{path} does not match {sha}")
    return target


def _person(call: Call, field: str, default: Person) -> Person:
    """Read an author or a committer."""
    values = call.fields.optional(field, dict)
    if values is None:
        return default
    if not values.get("name") or not values.get("email"):
        raise invalid(f'"{field}" needs a name and an email.')
    return Person(name=values["name"], email=values["email"], date=values.get("date") or default.date)


def _commit(call: Call, target: _Target, files: dict[str, str], message: str) -> Commit:
    """Commit a changed tree and move the branch to it."""
    user = viewer(call)
    default = Person(name=user.login, email=private_email(user.login, user.id), date=now())
    committer = _person(call, "committer", default)
    commit = git.commit(
        call.repository.objects,
        files,
        git.Draft(
            parents=(target.head,),
            message=message,
            author=_person(call, "author", committer),
            committer=committer,
        ),
    )
    call.repository.refs[f"refs/heads/{target.branch}"] = commit.sha
    call.repository.pushed_at = committer.date
    return commit


def _decoded(call: Call) -> bytes:
    try:
        return base64.b64decode("".join(call.fields.required("content", str).split()), validate=True)
    except binascii.Error as error:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "content is not valid Base64") from error


@routes.on("PUT", _ONE, model="FileCommit", docs=f"{_DOCS}#create-or-update-file-contents")
def put_file(call: Call, path: str) -> Answer:
    """Create a file, or replace the one whose hash is given."""
    message = call.fields.required("message", str)
    content = _decoded(call)
    target = _target(call, path)
    guards.check_branch(call, target.branch, "create" if target.sha is None else "update")
    sha = git.add_blob(call.repository.objects, content)
    commit = _commit(call, target, {**target.files, target.path: sha}, message)
    body: Json = {
        "content": _file(call, target.path, sha, target.branch),
        "commit": git_commit(call, commit),
    }
    return created(body) if target.sha is None else Answer(body)


@routes.on("DELETE", _ONE, model="FileCommit", docs=f"{_DOCS}#delete-a-file")
def delete_file(call: Call, path: str) -> Answer:
    """Delete the file whose hash is given."""
    message = call.fields.optional("message", str) or call.query.get("message")
    if message is None:
        raise invalid('"message" wasn\'t supplied.')
    target = _target(call, path)
    if target.sha is None:
        raise not_found()
    guards.check_branch(call, target.branch, "delete")
    files = {name: sha for name, sha in target.files.items() if name != target.path}
    return Answer({"content": None, "commit": git_commit(call, _commit(call, target, files, message))})
