"""Pull requests between branches of the repository."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local.github import git
from local.github.accounts import node_id, simple_user, viewer
from local.github.clock import after, now
from local.github.commits import changed_files, full_commit
from local.github.records import PullRequest
from local.github.repositories import simple_repository
from local.github.responses import Answer, ApiError, created, failed_validation, not_found
from local.github.routing import REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call
    from local.github.records import Commit, Json

routes = Routes()

_ALL = f"{REPOSITORY}/pulls"
_ONE = f"{_ALL}/<int:number>"
_DOCS = "pulls/pulls"


def _find(call: Call, number: int) -> PullRequest:
    found = call.repository.pulls.get(number)
    if found is None:
        raise not_found()
    return _current(call, found)


def _current(call: Call, pull: PullRequest) -> PullRequest:
    """Follow the head's branch for as long as the pull request is open."""
    sha = call.repository.refs.get(f"refs/heads/{pull.head}")
    return replace(pull, head_sha=sha) if sha is not None and pull.state == "open" else pull


def _commits(call: Call, pull: PullRequest) -> list[Commit]:
    """Give the commits of the head that the base does not have, the oldest first."""
    objects = call.repository.objects
    known = {commit.sha for commit in git.history(objects, pull.base_sha)}
    return [commit for commit in git.history(objects, pull.head_sha) if commit.sha not in known][::-1]


def _files(call: Call, pull: PullRequest) -> list[Json]:
    """Show what the head changes since it left the base."""
    objects = call.repository.objects
    commits = _commits(call, pull)
    start = commits[0].parents[0] if commits else pull.head_sha
    trees = (objects.trees[objects.commits[sha].tree] for sha in (start, pull.head_sha))
    return changed_files(call, pull.head_sha, git.compare(*trees))


def _end(call: Call, branch: str, sha: str) -> Json:
    """Show one of the two ends."""
    owner = call.state.owner
    return {
        "label": f"{owner.login}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": simple_user(call, owner),
        "repo": simple_repository(call),
    }


def _simple(call: Call, pull: PullRequest) -> Json:
    address = call.api(f"/pulls/{pull.number}")
    issue = call.api(f"/issues/{pull.number}")
    page = call.html(f"/pull/{pull.number}")
    links = {
        "self": address,
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{address}/comments",
        "review_comment": call.api("/pulls/comments{/number}"),
        "commits": f"{address}/commits",
        "statuses": call.api(f"/statuses/{pull.head_sha}"),
    }
    return {
        "url": address,
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": simple_user(call, viewer(call)),
        "body": pull.body,
        "labels": [],
        "milestone": None,
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
        "closed_at": pull.closed_at,
        "merged_at": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _end(call, pull.head, pull.head_sha),
        "base": _end(call, pull.base, pull.base_sha),
        "_links": {name: {"href": link} for name, link in links.items()},
        "author_association": "OWNER",
        "auto_merge": None,
        "draft": pull.draft,
    }


def _full(call: Call, pull: PullRequest) -> Json:
    files = _files(call, pull)
    return _simple(call, pull) | {
        "merged": False,
        "mergeable": True,
        "rebaseable": True,
        "mergeable_state": "clean",
        "merged_by": None,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(_commits(call, pull)),
        "additions": sum(file["additions"] for file in files),
        "deletions": sum(file["deletions"] for file in files),
        "changed_files": len(files),
    }


def close_those_from(call: Call, branch: str) -> None:
    """Close the open pull requests of a branch, before it is deleted."""
    for number, pull in call.repository.pulls.items():
        if pull.state == "open" and branch in {pull.head, pull.base}:
            moment = after(pull.updated_at)
            closed = replace(_current(call, pull), state="closed", closed_at=moment, updated_at=moment)
            call.repository.pulls[number] = closed


@routes.on("GET", _ALL, model="list[PullRequestSimple]", docs=f"{_DOCS}#list-pull-requests")
def list_pulls(call: Call) -> Answer:
    """List the pull requests, the newest first: by default the open ones."""
    state = call.query.get("state", "open")
    head = call.query.get("head", "").rpartition(":")[2]
    base = call.query.get("base", "")
    found = [
        _current(call, pull)
        for _, pull in sorted(call.repository.pulls.items(), reverse=True)
        if state in {"all", pull.state} and head in {"", pull.head} and base in {"", pull.base}
    ]
    page = call.page(found)
    return Answer([_simple(call, pull) for pull in page.items], headers=page.headers)


@routes.on("GET", _ONE, model="PullRequest", docs=f"{_DOCS}#get-a-pull-request")
def get_pull(call: Call, number: int) -> Answer:
    """Show one pull request."""
    return Answer(_full(call, _find(call, number)))


@routes.on("GET", f"{_ONE}/files", model="list[DiffEntry]", docs=f"{_DOCS}#list-pull-requests-files")
def list_files(call: Call, number: int) -> Answer:
    """List the files that a pull request changes."""
    page = call.page(_files(call, _find(call, number)))
    return Answer(page.items, headers=page.headers)


@routes.on("GET", f"{_ONE}/commits", model="list[Commit]", docs=f"{_DOCS}#list-commits-on-a-pull-request")
def list_commits(call: Call, number: int) -> Answer:
    """List the commits of a pull request, the oldest first."""
    page = call.page(_commits(call, _find(call, number)))
    return Answer([full_commit(call, commit) for commit in page.items], headers=page.headers)


def _branch_sha(call: Call, field: str, branch: str) -> str:
    sha = call.repository.refs.get(f"refs/heads/{branch}")
    if sha is None:
        raise failed_validation("PullRequest", "invalid", field=field)
    return sha


def _refused(message: str) -> ApiError:
    return failed_validation("PullRequest", "custom", message=message)


@routes.on("POST", _ALL, model="PullRequest", docs=f"{_DOCS}#create-a-pull-request")
def create_pull(call: Call) -> Answer:
    """Open a pull request."""
    owner = call.state.owner.login
    title = call.fields.required("title", str)
    head = call.fields.required("head", str).removeprefix(f"{owner}:")
    base = call.fields.required("base", str)
    table = call.repository.pulls
    moment = now()
    modify = call.fields.optional("maintainer_can_modify", bool)
    pull = PullRequest(
        id=call.state.new_id(),
        number=len(table) + 1,
        title=title,
        body=call.fields.optional("body", str),
        head=head,
        base=base,
        head_sha=_branch_sha(call, "head", head),
        base_sha=_branch_sha(call, "base", base),
        draft=call.fields.optional("draft", bool) or False,
        maintainer_can_modify=False if modify is None else modify,
        state="open",
        created_at=moment,
        updated_at=moment,
    )
    if any((other.state, other.head, other.base) == ("open", head, base) for other in table.values()):
        raise _refused(f"A pull request already exists for {owner}:{head}.")
    if not _commits(call, pull):
        raise _refused(f"No commits between {base} and {head}")
    table[pull.number] = pull
    return created(_full(call, pull))


@routes.on("PATCH", _ONE, model="PullRequest", docs=f"{_DOCS}#update-a-pull-request")
def update_pull(call: Call, number: int) -> Answer:
    """Edit, close, or reopen a pull request."""
    old = _find(call, number)
    fields = call.fields
    state = fields.optional("state", str) or old.state
    if state not in {"open", "closed"}:
        raise failed_validation("PullRequest", "invalid", field="state")
    base = fields.optional("base", str) or old.base
    body = fields.optional("body", str)
    modify = fields.optional("maintainer_can_modify", bool)
    moment = after(old.updated_at)
    pull = replace(
        old,
        title=fields.optional("title", str) or old.title,
        body=old.body if body is None else body,
        base=base,
        base_sha=old.base_sha if base == old.base else _branch_sha(call, "base", base),
        head_sha=old.head_sha if state == "closed" else _branch_sha(call, "head", old.head),
        maintainer_can_modify=old.maintainer_can_modify if modify is None else modify,
        state=state,
        closed_at=(old.closed_at or moment) if state == "closed" else None,
        updated_at=moment,
    )
    call.repository.pulls[number] = pull
    return Answer(_full(call, pull))
