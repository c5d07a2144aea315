"""API routes for Git references."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import guards, pulls
from local.github.accounts import node_id
from local.github.clock import current_timestamp
from local.github.git import commit_history
from local.github.responses import (
    ApiAnswer,
    ApiError,
    created_answer,
    invalid_request_error,
    no_content,
    not_found_error,
)
from local.github.routing import REPOSITORY_PATH, RouteTable
from local.github.rules import BranchChange

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json
    from local.github.rules import ChangeKind

ref_routes = RouteTable()

_ONE = f"{REPOSITORY_PATH}/git/ref/<path:name>"
_CHANGE = f"{REPOSITORY_PATH}/git/refs/<path:name>"
_LEAST_SLASHES = 2
_BRANCHES = "refs/heads/"


def _unprocessable_error(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def _check_branch_rules(call: ApiCall, full: str, kind: ChangeKind, *, forced: bool = False) -> None:
    if full.startswith(_BRANCHES):
        change = BranchChange(branch=full.removeprefix(_BRANCHES), kind=kind, forced=forced)
        guards.check_rules(call, change, HTTPStatus.UNPROCESSABLE_ENTITY)


def _ref_json(call: ApiCall, name: str) -> Json:
    sha = call.repository.refs[name]
    return {
        "ref": name,
        "node_id": node_id("REF", int(sha[:8], 16)),
        "url": call.api_url(f"/git/{quote(name)}"),
        "object": {"sha": sha, "type": "commit", "url": call.api_url(f"/git/commits/{sha}")},
    }


def _known_commit(call: ApiCall, sha: str) -> str:
    if sha not in call.repository.objects.commits:
        raise _unprocessable_error("Object does not exist")
    return sha


@ref_routes.serve_path("GET", _ONE)
def get_ref(call: ApiCall, name: str) -> ApiAnswer:
    """Return one reference; `heads/main` means `refs/heads/main`."""
    if (full := f"refs/{name}") not in call.repository.refs:
        raise not_found_error()
    return ApiAnswer(_ref_json(call, full))


@ref_routes.serve_path("POST", f"{REPOSITORY_PATH}/git/refs")
def create_ref(call: ApiCall) -> ApiAnswer:
    """Create a branch or a tag."""
    name = call.fields.required_value("ref", str)
    sha = _known_commit(call, call.fields.required_value("sha", str))
    if not name.startswith("refs/") or name.count("/") < _LEAST_SLASHES:
        raise invalid_request_error(f"{name} is not a valid ref name.")
    if name in call.repository.refs:
        raise _unprocessable_error("Reference already exists")
    _check_branch_rules(call, name, "create")
    call.repository.refs[name] = sha
    call.repository.pushed_at = current_timestamp()
    return created_answer(_ref_json(call, name))


@ref_routes.serve_path("PATCH", _CHANGE)
def update_ref(call: ApiCall, name: str) -> ApiAnswer:
    """Move a reference; only fast-forward unless `force` is set."""
    full = f"refs/{name}"
    if full not in call.repository.refs:
        raise _unprocessable_error("Reference does not exist")
    sha = _known_commit(call, call.fields.required_value("sha", str))
    ancestors = {commit.sha for commit in commit_history(call.repository.objects, sha)}
    is_forced = call.repository.refs[full] not in ancestors
    if not call.fields.optional_value("force", bool) and is_forced:
        raise _unprocessable_error("Update is not a fast forward")
    _check_branch_rules(call, full, "update", forced=is_forced)
    call.repository.refs[full] = sha
    call.repository.pushed_at = current_timestamp()
    return ApiAnswer(_ref_json(call, full))


@ref_routes.serve_path("DELETE", _CHANGE)
def delete_ref(call: ApiCall, name: str) -> ApiAnswer:
    """Delete a branch or a tag; its commits are kept."""
    full = f"refs/{name}"
    if full not in call.repository.refs:
        raise _unprocessable_error("Reference does not exist")
    if full == f"refs/heads/{call.repository.default_branch}":
        raise _unprocessable_error("Cannot delete the default branch")
    if full.startswith("refs/heads/"):
        _check_branch_rules(call, full, "delete")
        pulls.close_branch_pull_requests(call, full.removeprefix("refs/heads/"))
    del call.repository.refs[full]
    return no_content()
