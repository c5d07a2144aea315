"""Branches, with whether they are protected."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import guards
from local.github.commits import full_commit
from local.github.protection import check_branch_exists, shown_on_branch
from local.github.responses import Answer, created, failed_validation
from local.github.routing import REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call
    from local.github.records import Json

routes = Routes()

_ALL = f"{REPOSITORY}/branches"
_ONE = f"{_ALL}/<path:branch>"
_DOCS = "branches/branches"
_HEADS = "refs/heads/"


def _head(call: Call, branch: str) -> str:
    """Give the hash of a branch's last commit."""
    check_branch_exists(call, branch)
    return call.repository.refs[f"{_HEADS}{branch}"]


def _shown(call: Call, branch: str) -> Json:
    """Show a branch with its last commit."""
    address = call.api(f"/branches/{quote(branch)}")
    return {
        "name": branch,
        "commit": full_commit(call, call.repository.objects.commits[_head(call, branch)]),
        "_links": {"self": address, "html": call.html(f"/tree/{quote(branch)}")},
        "protected": guards.is_protected(call, branch),
        "protection": shown_on_branch(call, branch),
        "protection_url": f"{address}/protection",
    }


@routes.on("GET", _ALL, model="list[ShortBranch]", docs=f"{_DOCS}#list-branches")
def list_branches(call: Call) -> Answer:
    """List the branches; `protected` leaves those that are, or are not."""
    wanted = call.query.get("protected")
    names = [name.removeprefix(_HEADS) for name in sorted(call.repository.refs) if name.startswith(_HEADS)]
    if wanted is not None:
        names = [name for name in names if guards.is_protected(call, name) == (wanted == "true")]
    page = call.page(names)
    body = []
    for name in page.items:
        sha = _head(call, name)
        commit = {"sha": sha, "url": call.api(f"/commits/{sha}")}
        body.append({"name": name, "commit": commit, "protected": guards.is_protected(call, name)})
    return Answer(body, headers=page.headers)


@routes.on("GET", _ONE, model="BranchWithProtection", docs=f"{_DOCS}#get-a-branch")
def get_branch(call: Call, branch: str) -> Answer:
    """Show one branch."""
    return Answer(_shown(call, branch))


@routes.on("POST", f"{_ONE}/rename", model="BranchWithProtection", docs=f"{_DOCS}#rename-a-branch")
def rename_branch(call: Call, branch: str) -> Answer:
    """Give a branch another name; its protection goes with it."""
    sha = _head(call, branch)
    name = call.fields.required("new_name", str)
    if f"{_HEADS}{name}" in call.repository.refs:
        raise failed_validation("Branch", "already_exists", field="new_name")
    del call.repository.refs[f"{_HEADS}{branch}"]
    call.repository.refs[f"{_HEADS}{name}"] = sha
    if branch in call.repository.protections:
        call.repository.protections[name] = call.repository.protections.pop(branch)
    if call.repository.default_branch == branch:
        call.repository.default_branch = name
    return created(_shown(call, name))
