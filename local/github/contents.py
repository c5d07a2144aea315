"""API routes that read files, and change each by a commit."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import git, guards
from local.github.clock import current_timestamp
from local.github.commits import commit_files, git_commit_json, private_email, resolve_commit
from local.github.records import CommitRecord, Json, Person
from local.github.responses import ApiAnswer, ApiError, created_answer, invalid_request_error, not_found_error
from local.github.routing import REPOSITORY_PATH, RouteTable
from local.github.rules import NewCommit

if TYPE_CHECKING:
    from local.github.calls import ApiCall

content_routes = RouteTable()

_ONE = f"{REPOSITORY_PATH}/contents/<path:path>"
_WELL_FORMED_PATH = re.compile(r"(?!.*(^|/)(\.|\.\.|\.git)?(/|$)).+")
"""Paths without empty parts, without `..`, and outside `.git`."""


@dataclass(frozen=True, kw_only=True)
class _FileTarget:
    """The file to change."""

    path: str
    branch: str
    head: str
    files: dict[str, str]

    @property
    def current_sha(self) -> str | None:
        """The hash of the file's current content, or None if the file does not exist."""
        return self.files.get(self.path)


def _file_json(call: ApiCall, path: str, sha: str, ref: str) -> Json:
    """Return a file without its content."""
    place = quote(path)
    links: Json = {
        "self": call.api_url(f"/contents/{place}?ref={quote(ref, safe='')}"),
        "git": call.api_url(f"/git/blobs/{sha}"),
        "html": call.web_url(f"/blob/{quote(ref)}/{place}"),
    }
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": len(git.read_blob(call.repository.objects, sha)),
        "url": links["self"],
        "html_url": links["html"],
        "git_url": links["git"],
        "download_url": call.web_url(f"/raw/{quote(ref)}/{place}"),
        "type": "file",
        "_links": links,
    }


@content_routes.serve_path("GET", _ONE)
def get_contents(call: ApiCall, path: str) -> ApiAnswer:
    """Return a file with its content."""
    ref = call.query.get("ref") or call.repository.default_branch
    head = resolve_commit(call, ref)
    if head is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"No commit found for the ref {ref}")
    sha = commit_files(call, head).get(path)
    if sha is None:
        raise not_found_error()
    content = base64.encodebytes(git.read_blob(call.repository.objects, sha)).decode()
    return ApiAnswer(_file_json(call, path, sha, ref) | {"content": content, "encoding": "base64"})


def _find_target(call: ApiCall, path: str) -> _FileTarget:
    """Find the file to change, and check the request.

    Raises:
        ApiError: The path is invalid, the branch is missing, the token lacks the scope, or `sha` is not the file's.
    """
    path = path.strip("/")
    if not _WELL_FORMED_PATH.fullmatch(path):
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "path contains a malformed path component")
    branch = call.fields.optional_value("branch", str) or call.repository.default_branch
    head = call.repository.refs.get(f"refs/heads/{branch}")
    if head is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"Branch {branch} not found")
    target = _FileTarget(path=path, branch=branch, head=head, files=commit_files(call, head))
    if any(path.startswith(f"{name}/") or name.startswith(f"{path}/") for name in target.files):
        raise invalid_request_error(f"{path} is a directory, or is below a file.")
    guards.check_workflow_scope(call, path)
    sha = call.fields.optional_value("sha", str)
    if sha is None and target.current_sha is not None:
        raise invalid_request_error('"sha" wasn\'t supplied.')
    if sha is not None and sha != target.current_sha:
        raise ApiError(HTTPStatus.CONFLICT, f"{path} does not match {sha}")
    return target


def _new_commit(call: ApiCall, target: _FileTarget, message: str, *, size: int) -> NewCommit:
    return NewCommit(message=message, email=private_email(call.state.owner), path=target.path, size=size)


def _commit_change(call: ApiCall, target: _FileTarget, files: dict[str, str], message: str) -> CommitRecord:
    """Commit a changed tree and move the branch to it."""
    user = call.state.owner
    person = Person(name=user.login, email=private_email(user), date=current_timestamp())
    draft = git.CommitDraft(parents=(target.head,), message=message, author=person)
    commit = git.store_commit(call.repository.objects, files, draft)
    call.repository.refs[f"refs/heads/{target.branch}"] = commit.sha
    call.repository.pushed_at = person.date
    return commit


def _decode_content(call: ApiCall) -> bytes:
    try:
        return base64.b64decode("".join(call.fields.required_value("content", str).split()), validate=True)
    except binascii.Error as error:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "content is not valid Base64") from error


@content_routes.serve_path("PUT", _ONE)
def put_file(call: ApiCall, path: str) -> ApiAnswer:
    """Create a file, or replace the one with the given hash."""
    message = call.fields.required_value("message", str)
    content = _decode_content(call)
    target = _find_target(call, path)
    verb = "create" if target.current_sha is None else "update"
    guards.check_commit(call, target.branch, verb, _new_commit(call, target, message, size=len(content)))
    sha = git.add_blob(call.repository.objects, content)
    commit = _commit_change(call, target, {**target.files, target.path: sha}, message)
    body: Json = {
        "content": _file_json(call, target.path, sha, target.branch),
        "commit": git_commit_json(call, commit),
    }
    return created_answer(body) if target.current_sha is None else ApiAnswer(body)


@content_routes.serve_path("DELETE", _ONE)
def delete_file(call: ApiCall, path: str) -> ApiAnswer:
    """Delete the file with the given hash."""
    message = call.fields.required_value("message", str)
    target = _find_target(call, path)
    if target.current_sha is None:
        raise not_found_error()
    guards.check_commit(call, target.branch, "delete", _new_commit(call, target, message, size=0))
    files = {name: sha for name, sha in target.files.items() if name != target.path}
    return ApiAnswer({"content": None, "commit": git_commit_json(call, _commit_change(call, target, files, message))})
