"""Comments on pull requests, which GitHub counts as issues."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local.github.accounts import node_id, simple_user
from local.github.clock import current_timestamp, later_timestamp
from local.github.records import IssueComment
from local.github.responses import ApiAnswer, created_answer, not_found_error
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

issue_comment_routes = RouteTable()

_OF_ISSUE = f"{REPOSITORY_PATH}/issues/<int:number>/comments"
_ONE = f"{REPOSITORY_PATH}/issues/comments/<int:comment_id>"


def _comment_json(call: ApiCall, comment: IssueComment) -> Json:
    return {
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "url": call.api_url(f"/issues/comments/{comment.id}"),
        "html_url": call.web_url(f"/pull/{comment.number}#issuecomment-{comment.id}"),
        "issue_url": call.api_url(f"/issues/{comment.number}"),
        "body": comment.body,
        "user": simple_user(call),
        "author_association": "OWNER",
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
    }


@issue_comment_routes.serve_path("GET", _OF_ISSUE)
def list_issue_comments(call: ApiCall, number: int) -> ApiAnswer:
    """List the comments on a pull request, the oldest first."""
    _check_number(call, number)
    found = [comment for _, comment in sorted(call.repository.comments.items()) if comment.number == number]
    return ApiAnswer([_comment_json(call, comment) for comment in call.select_page(found)])


@issue_comment_routes.serve_path("POST", _OF_ISSUE)
def create_issue_comment(call: ApiCall, number: int) -> ApiAnswer:
    """Create a comment."""
    _check_number(call, number)
    moment = current_timestamp()
    comment = IssueComment(
        id=call.state.new_id(),
        number=number,
        body=call.fields.required_value("body", str),
        created_at=moment,
        updated_at=moment,
    )
    call.repository.comments[comment.id] = comment
    return created_answer(_comment_json(call, comment))


@issue_comment_routes.serve_path("PATCH", _ONE)
def update_issue_comment(call: ApiCall, comment_id: int) -> ApiAnswer:
    """Change a comment's text."""
    comment = call.repository.comments.get(comment_id)
    if comment is None:
        raise not_found_error()
    body = call.fields.required_value("body", str)
    changed = replace(comment, body=body, updated_at=later_timestamp(comment.updated_at))
    call.repository.comments[comment_id] = changed
    return ApiAnswer(_comment_json(call, changed))


def _check_number(call: ApiCall, number: int) -> None:
    if number not in call.repository.pulls:
        raise not_found_error()
