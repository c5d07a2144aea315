"""Branches, with whether they are protected."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import guards
from local.github.commits import full_commit_json
from local.github.protection import branch_protection_json, check_branch_exists
from local.github.responses import ApiAnswer, created_answer, failed_validation_error
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

branch_routes = RouteTable()

_ALL = f"{REPOSITORY_PATH}/branches"
_ONE = f"{_ALL}/<path:branch>"
_DOCS = "branches/branches"
_HEADS = "refs/heads/"


def _head_sha(call: ApiCall, branch: str) -> str:
    """Return the hash of a branch's last commit."""
    check_branch_exists(call, branch)
    return call.repository.refs[f"{_HEADS}{branch}"]


def _branch_json(call: ApiCall, branch: str) -> Json:
    """Show a branch with its last commit."""
    address = call.api_url(f"/branches/{quote(branch)}")
    return {
        "name": branch,
        "commit": full_commit_json(call, call.repository.objects.commits[_head_sha(call, branch)]),
        "_links": {"self": address, "html": call.web_url(f"/tree/{quote(branch)}")},
        "protected": guards.is_branch_protected(call, branch),
        "protection": branch_protection_json(call, branch),
        "protection_url": f"{address}/protection",
    }


@branch_routes.serve_path("GET", _ALL, model="list[ShortBranch]", docs=f"{_DOCS}#list-branches")
def list_branches(call: ApiCall) -> ApiAnswer:
    """List the branches; `protected` leaves those that are, or are not."""
    wanted = call.query.get("protected")
    names = [name.removeprefix(_HEADS) for name in sorted(call.repository.refs) if name.startswith(_HEADS)]
    if wanted is not None:
        names = [name for name in names if guards.is_branch_protected(call, name) == (wanted == "true")]
    page = call.select_page(names)
    body = []
    for name in page.items:
        sha = _head_sha(call, name)
        commit = {"sha": sha, "url": call.api_url(f"/commits/{sha}")}
        body.append({"name": name, "commit": commit, "protected": guards.is_branch_protected(call, name)})
    return ApiAnswer(body, headers=page.headers)


@branch_routes.serve_path("GET", _ONE, model="BranchWithProtection", docs=f"{_DOCS}#get-a-branch")
def get_branch(call: ApiCall, branch: str) -> ApiAnswer:
    """Show one branch."""
    return ApiAnswer(_branch_json(call, branch))


@branch_routes.serve_path("POST", f"{_ONE}/rename", model="BranchWithProtection", docs=f"{_DOCS}#rename-a-branch")
def rename_branch(call: ApiCall, branch: str) -> ApiAnswer:
    """Return a branch another name; its protection goes with it."""
    sha = _head_sha(call, branch)
    name = call.fields.required_value("new_name", str)
    if f"{_HEADS}{name}" in call.repository.refs:
        raise failed_validation_error("Branch", "already_exists", field="new_name")
    del call.repository.refs[f"{_HEADS}{branch}"]
    call.repository.refs[f"{_HEADS}{name}"] = sha
    if branch in call.repository.protections:
        call.repository.protections[name] = call.repository.protections.pop(branch)
    if call.repository.default_branch == branch:
        call.repository.default_branch = name
    return created_answer(_branch_json(call, name))
