"""API routes for pull requests between branches of the repository."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github import git, guards
from local.github.accounts import node_id, simple_user
from local.github.clock import current_timestamp, later_timestamp
from local.github.commits import changed_files_json
from local.github.records import PullRequest
from local.github.repositories import simple_repository_json
from local.github.responses import ApiAnswer, ApiError, created_answer, failed_validation_error, not_found_error
from local.github.routing import REPOSITORY_PATH, RouteTable
from local.github.rules import BranchChange

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import CommitRecord, Json

pull_request_routes = RouteTable()

_ALL = f"{REPOSITORY_PATH}/pulls"
_ONE = f"{_ALL}/<int:number>"


def _find_pull_request(call: ApiCall, number: int) -> PullRequest:
    found = call.repository.pulls.get(number)
    if found is None:
        raise not_found_error()
    return _with_current_head(call, found)


def _with_current_head(call: ApiCall, pull: PullRequest) -> PullRequest:
    """Update the head's hash from its branch if the pull request is open."""
    sha = call.repository.refs.get(f"refs/heads/{pull.head}")
    return replace(pull, head_sha=sha) if sha is not None and pull.state == "open" else pull


def _pull_request_commits(call: ApiCall, pull: PullRequest) -> list[CommitRecord]:
    """Return the head's commits that the base lacks, oldest first."""
    objects = call.repository.objects
    known = {commit.sha for commit in git.commit_history(objects, pull.base_sha)}
    return [commit for commit in git.commit_history(objects, pull.head_sha) if commit.sha not in known][::-1]


def _pull_request_files(call: ApiCall, pull: PullRequest) -> list[Json]:
    """Return the file changes of the head since it diverged from the base."""
    objects = call.repository.objects
    commits = _pull_request_commits(call, pull)
    start = commits[0].parents[0] if commits else pull.head_sha
    trees = (objects.trees[objects.commits[sha].tree] for sha in (start, pull.head_sha))
    return changed_files_json(call, pull.head_sha, git.compare_trees(*trees))


def _branch_end_json(call: ApiCall, branch: str, sha: str) -> Json:
    """Return the head or the base."""
    owner = call.state.owner
    return {
        "label": f"{owner.login}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": simple_user(call),
        "repo": simple_repository_json(call),
    }


def _simple_json(call: ApiCall, pull: PullRequest) -> Json:
    address = call.api_url(f"/pulls/{pull.number}")
    issue = call.api_url(f"/issues/{pull.number}")
    page = call.web_url(f"/pull/{pull.number}")
    links = {
        "self": address,
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{address}/comments",
        "review_comment": call.api_url("/pulls/comments{/number}"),
        "commits": f"{address}/commits",
        "statuses": call.api_url(f"/statuses/{pull.head_sha}"),
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
        "user": simple_user(call),
        "body": pull.body,
        "labels": [],
        "milestone": None,
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _branch_end_json(call, pull.head, pull.head_sha),
        "base": _branch_end_json(call, pull.base, pull.base_sha),
        "_links": {name: {"href": link} for name, link in links.items()},
        "author_association": "OWNER",
        "auto_merge": None,
        "draft": pull.draft,
    }


def _full_json(call: ApiCall, pull: PullRequest) -> Json:
    files = _pull_request_files(call, pull)
    return _simple_json(call, pull) | {
        "merged": pull.merged_at is not None,
        "mergeable": True,
        "rebaseable": True,
        "mergeable_state": "clean",
        "merged_by": simple_user(call) if pull.merged_at else None,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(_pull_request_commits(call, pull)),
        "additions": sum(file["additions"] for file in files),
        "deletions": sum(file["deletions"] for file in files),
        "changed_files": len(files),
    }


def close_branch_pull_requests(call: ApiCall, branch: str) -> None:
    """Close a branch's open pull requests before the branch is deleted."""
    for number, pull in call.repository.pulls.items():
        if pull.state == "open" and branch in {pull.head, pull.base}:
            moment = later_timestamp(pull.updated_at)
            closed = replace(_with_current_head(call, pull), state="closed", closed_at=moment, updated_at=moment)
            call.repository.pulls[number] = closed


@pull_request_routes.serve_path("GET", _ALL)
def list_pull_requests(call: ApiCall) -> ApiAnswer:
    """List pull requests, newest first; by default only open ones."""
    state = call.query.get("state", "open")
    head = call.query.get("head", "").rpartition(":")[2]
    base = call.query.get("base", "")
    found = [
        _with_current_head(call, pull)
        for _, pull in sorted(call.repository.pulls.items(), reverse=True)
        if state in {"all", pull.state} and head in {"", pull.head} and base in {"", pull.base}
    ]
    return ApiAnswer([_simple_json(call, pull) for pull in call.select_page(found)])


@pull_request_routes.serve_path("GET", _ONE)
def get_pull_request(call: ApiCall, number: int) -> ApiAnswer:
    """Return one pull request."""
    return ApiAnswer(_full_json(call, _find_pull_request(call, number)))


def _branch_sha(call: ApiCall, field: str, branch: str) -> str:
    sha = call.repository.refs.get(f"refs/heads/{branch}")
    if sha is None:
        raise failed_validation_error("PullRequest", "invalid", field=field)
    return sha


def _validation_error(message: str) -> ApiError:
    return failed_validation_error("PullRequest", "custom", message=message)


@pull_request_routes.serve_path("POST", _ALL)
def create_pull_request(call: ApiCall) -> ApiAnswer:
    """Open a pull request."""
    owner = call.state.owner.login
    title = call.fields.required_value("title", str)
    head = call.fields.required_value("head", str).removeprefix(f"{owner}:")
    base = call.fields.required_value("base", str)
    table = call.repository.pulls
    moment = current_timestamp()
    modify = call.fields.optional_value("maintainer_can_modify", bool)
    pull = PullRequest(
        id=call.state.new_id(),
        number=len(table) + 1,
        title=title,
        body=call.fields.optional_value("body", str),
        head=head,
        base=base,
        head_sha=_branch_sha(call, "head", head),
        base_sha=_branch_sha(call, "base", base),
        draft=call.fields.optional_value("draft", bool) or False,
        maintainer_can_modify=False if modify is None else modify,
        state="open",
        created_at=moment,
        updated_at=moment,
    )
    if any((other.state, other.head, other.base) == ("open", head, base) for other in table.values()):
        raise _validation_error(f"A pull request already exists for {owner}:{head}.")
    if not _pull_request_commits(call, pull):
        raise _validation_error(f"No commits between {base} and {head}")
    table[pull.number] = pull
    return created_answer(_full_json(call, pull))


@pull_request_routes.serve_path("PATCH", _ONE)
def update_pull_request(call: ApiCall, number: int) -> ApiAnswer:
    """Edit, close, or reopen a pull request."""
    old = _find_pull_request(call, number)
    fields = call.fields
    state = fields.optional_value("state", str) or old.state
    if state not in {"open", "closed"}:
        raise failed_validation_error("PullRequest", "invalid", field="state")
    body = fields.optional_value("body", str)
    modify = fields.optional_value("maintainer_can_modify", bool)
    moment = later_timestamp(old.updated_at)
    pull = replace(
        old,
        title=fields.optional_value("title", str) or old.title,
        body=old.body if body is None else body,
        head_sha=old.head_sha if state == "closed" else _branch_sha(call, "head", old.head),
        maintainer_can_modify=old.maintainer_can_modify if modify is None else modify,
        state=state,
        closed_at=(old.closed_at or moment) if state == "closed" else None,
        updated_at=moment,
    )
    call.repository.pulls[number] = pull
    return ApiAnswer(_full_json(call, pull))


@pull_request_routes.serve_path("PUT", f"{_ONE}/merge")
def merge_pull_request(call: ApiCall, number: int) -> ApiAnswer:
    """Merge a pull request by moving its base forward; GitHub rebases where that is not possible.

    Of the rules of its base only those are enforced that no review, check or queue fulfils.
    """
    pull = _find_pull_request(call, number)
    reference = f"refs/heads/{pull.base}"
    ancestors = {commit.sha for commit in git.commit_history(call.repository.objects, pull.head_sha)}
    if pull.state != "open" or call.repository.refs[reference] not in ancestors:
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "Pull Request is not mergeable")
    guards.check_rules(call, BranchChange(branch=pull.base, kind="merge"), HTTPStatus.METHOD_NOT_ALLOWED)
    call.repository.refs[reference] = pull.head_sha
    moment = later_timestamp(pull.updated_at)
    merged = replace(pull, state="closed", closed_at=moment, merged_at=moment, updated_at=moment)
    call.repository.pulls[number] = merged
    return ApiAnswer({"sha": pull.head_sha, "merged": True, "message": "Pull Request successfully merged"})
