"""Git references: the names of commits."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from local.github import pulls
from local.github.accounts import node_id
from local.github.clock import now
from local.github.git import history
from local.github.responses import Answer, ApiError, created, invalid, no_content, not_found
from local.github.routing import NO_BODY, REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call
    from local.github.records import Json

routes = Routes()

_ONE = f"{REPOSITORY}/git/ref/<path:name>"
_CHANGE = f"{REPOSITORY}/git/refs/<path:name>"
_DOCS = "git/refs"
_LEAST_SLASHES = 2


def _refused(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def _shown(call: Call, name: str) -> Json:
    sha = call.repository.refs[name]
    return {
        "ref": name,
        "node_id": node_id("REF", int(sha[:8], 16)),
        "url": call.api(f"/git/{quote(name)}"),
        "object": {"sha": sha, "type": "commit", "url": call.api(f"/git/commits/{sha}")},
    }


def _known_commit(call: Call, sha: str) -> str:
    if sha not in call.repository.objects.commits:
        raise _refused("Object does not exist")
    return sha


@routes.on("GET", _ONE, model="GitRef", docs=f"{_DOCS}#get-a-reference")
def get_ref(call: Call, name: str) -> Answer:
    """Show one reference; `heads/main` means `refs/heads/main`."""
    if (full := f"refs/{name}") not in call.repository.refs:
        raise not_found()
    return Answer(_shown(call, full))


@routes.on(
    "GET",
    f"{REPOSITORY}/git/matching-refs/<path:name>",
    model="list[GitRef]",
    docs=f"{_DOCS}#list-matching-references",
)
def list_matching_refs(call: Call, name: str) -> Answer:
    """List the references whose names begin like this."""
    page = call.page([ref for ref in sorted(call.repository.refs) if ref.startswith(f"refs/{name}")])
    return Answer([_shown(call, ref) for ref in page.items], headers=page.headers)


@routes.on("POST", f"{REPOSITORY}/git/refs", model="GitRef", docs=f"{_DOCS}#create-a-reference")
def create_ref(call: Call) -> Answer:
    """Create a branch or a tag."""
    name = call.fields.required("ref", str)
    sha = _known_commit(call, call.fields.required("sha", str))
    if not name.startswith("refs/") or name.count("/") < _LEAST_SLASHES:
        raise invalid(f"{name} is not a valid ref name.")
    if name in call.repository.refs:
        raise _refused("Reference already exists")
    call.repository.refs[name] = sha
    call.repository.pushed_at = now()
    return created(_shown(call, name))


@routes.on("PATCH", _CHANGE, model="GitRef", docs=f"{_DOCS}#update-a-reference")
def update_ref(call: Call, name: str) -> Answer:
    """Move a reference: forward only, unless `force` is set."""
    full = f"refs/{name}"
    if full not in call.repository.refs:
        raise _refused("Reference does not exist")
    sha = _known_commit(call, call.fields.required("sha", str))
    ancestors = {commit.sha for commit in history(call.repository.objects, sha)}
    if not call.fields.optional("force", bool) and call.repository.refs[full] not in ancestors:
        raise _refused("Update is not a fast forward")
    call.repository.refs[full] = sha
    call.repository.pushed_at = now()
    return Answer(_shown(call, full))


@routes.on("DELETE", _CHANGE, model=NO_BODY, docs=f"{_DOCS}#delete-a-reference")
def delete_ref(call: Call, name: str) -> Answer:
    """Delete a branch or a tag; the commits stay."""
    full = f"refs/{name}"
    if full not in call.repository.refs:
        raise _refused("Reference does not exist")
    if full == f"refs/heads/{call.repository.default_branch}":
        raise _refused("Cannot delete the default branch")
    if full.startswith("refs/heads/"):
        pulls.close_those_from(call, full.removeprefix("refs/heads/"))
    del call.repository.refs[full]
    return no_content()
