"""Validates the stand-in's responses against GitHub's published schema."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Union

from flask import request
from githubkit_schemas.v2026_03_10 import models
from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from flask import Response

_HOME = "/repos/<owner>/<repository>"
_ENVIRONMENT = "/environments/<path:environment_name>"
_POLICIES = f"{_HOME}{_ENVIRONMENT}/deployment-branch-policies"
_POLICY_LIST = "ReposOwnerRepoEnvironmentsEnvironmentNameDeploymentBranchPoliciesGetResponse200"
_RULE = " | ".join(f"RepositoryRuleDetailedOneof{number}" for number in range(25))

NO_BODY = "no body"

MODELS = {
    "GET /user": "PublicUser",
    "GET /users/<login>": "PublicUser",
    "GET /users/<login>/gpg_keys": "list[GpgKey]",
    "GET /users/<login>/keys": "list[KeySimple]",
    f"GET {_HOME}": "FullRepository",
    f"PATCH {_HOME}": "FullRepository",
    f"GET {_HOME}/commits": "list[Commit]",
    f"GET {_HOME}/commits/<path:name>": "Commit",
    f"GET {_HOME}/git/trees/<path:name>": "GitTree",
    f"GET {_HOME}/contents/<path:path>": "ContentFile",
    f"PUT {_HOME}/contents/<path:path>": "FileCommit",
    f"DELETE {_HOME}/contents/<path:path>": "FileCommit",
    f"GET {_HOME}/git/ref/<path:name>": "GitRef",
    f"POST {_HOME}/git/refs": "GitRef",
    f"PATCH {_HOME}/git/refs/<path:name>": "GitRef",
    f"DELETE {_HOME}/git/refs/<path:name>": NO_BODY,
    f"GET {_HOME}/branches/<path:branch>": "BranchWithProtection",
    f"GET {_HOME}/branches/<path:branch>/protection": "BranchProtection",
    f"PUT {_HOME}/branches/<path:branch>/protection": "ProtectedBranch",
    f"POST {_HOME}/branches/<path:branch>/protection/required_signatures": "ProtectedBranchAdminEnforced",
    f"POST {_HOME}/rulesets": "RepositoryRuleset",
    f"GET {_HOME}/rulesets/<int:ruleset_id>": "RepositoryRuleset",
    f"GET {_HOME}/rules/branches/<path:branch>": f"list[{_RULE}]",
    **{
        f"{method} {_HOME}{place}/variables{path}": model
        for place in ("/actions", _ENVIRONMENT)
        for method, path, model in (
            ("GET", "", "ReposOwnerRepoActionsVariablesGetResponse200"),
            ("POST", "", "EmptyObject"),
            ("GET", "/<name>", "ActionsVariable"),
            ("PATCH", "/<name>", NO_BODY),
            ("DELETE", "/<name>", NO_BODY),
        )
    },
    **{
        f"{method} {place}/secrets{path}": model
        for place in (f"{_HOME}/actions", f"{_HOME}{_ENVIRONMENT}", f"/repositories/<int:repository_id>{_ENVIRONMENT}")
        for method, path, model in (
            ("GET", "", "ReposOwnerRepoActionsSecretsGetResponse200"),
            ("GET", "/public-key", "ActionsPublicKey"),
            ("GET", "/<name>", "ActionsSecret"),
            ("PUT", "/<name>", "EmptyObject"),
            ("DELETE", "/<name>", NO_BODY),
        )
    },
    **{f"{method} {_HOME}{_ENVIRONMENT}": "Environment" for method in ("GET", "PUT")},
    f"DELETE {_HOME}{_ENVIRONMENT}": NO_BODY,
    f"GET {_POLICIES}": _POLICY_LIST,
    f"POST {_POLICIES}": "DeploymentBranchPolicy",
    **{f"{method} {_POLICIES}/<int:policy_id>": "DeploymentBranchPolicy" for method in ("GET", "PUT")},
    f"DELETE {_POLICIES}/<int:policy_id>": NO_BODY,
    f"GET {_HOME}/actions/permissions": "ActionsRepositoryPermissions",
    f"PUT {_HOME}/actions/permissions": NO_BODY,
    f"GET {_HOME}/actions/runs": "ReposOwnerRepoActionsRunsGetResponse200",
    f"GET {_HOME}/actions/permissions/workflow": "ActionsGetDefaultWorkflowPermissions",
    f"PUT {_HOME}/actions/permissions/workflow": NO_BODY,
    f"GET {_HOME}/actions/oidc/customization/sub": "OidcCustomSubRepo",
    f"PUT {_HOME}/actions/oidc/customization/sub": "EmptyObject",
    f"GET {_HOME}/pulls": "list[PullRequestSimple]",
    f"POST {_HOME}/pulls": "PullRequest",
    f"GET {_HOME}/pulls/<int:number>": "PullRequest",
    f"PATCH {_HOME}/pulls/<int:number>": "PullRequest",
    f"PUT {_HOME}/pulls/<int:number>/merge": "PullRequestMergeResult",
    f"GET {_HOME}/issues/<int:number>/comments": "list[IssueComment]",
    f"POST {_HOME}/issues/<int:number>/comments": "IssueComment",
    f"PATCH {_HOME}/issues/comments/<int:comment_id>": "IssueComment",
}
"""The model of each route's response: a name, `list[name]`, several joined by ` | `, or `NO_BODY`."""

_UNPUBLISHED = {"can_admins_bypass"}
"""Fields that GitHub sends and its own clients read, but that are missing from its schema."""


class SchemaError(Exception):
    """A response does not match its model; the message names the model and the fields."""


def _model_annotation(expression: str) -> Any:
    if expression.startswith("list["):
        return list[_model_annotation(expression.removeprefix("list[").removesuffix("]"))]  # type: ignore[misc]
    parts = expression.split(" | ")
    if len(parts) > 1:
        return Union[tuple(_model_annotation(part) for part in parts)]  # noqa: UP007 (the parts are known at run time only)
    return getattr(models, expression)


@cache
def model_adapter(expression: str) -> TypeAdapter[Any]:
    """Return an adapter for an expression in `MODELS`."""
    return TypeAdapter(_model_annotation(expression))


def _unknown_fields(body: object, known: object, where: str = "") -> list[str]:
    """Return the fields of a body, at any depth, that its model does not have."""
    if isinstance(body, dict) and isinstance(known, dict):
        unknown = [f"{where}.{name}" for name in body.keys() - known.keys() - _UNPUBLISHED]
        for name in body.keys() & known.keys():
            unknown += _unknown_fields(body[name], known[name], f"{where}.{name}")
        return unknown
    if isinstance(body, list) and isinstance(known, list):
        pairs = enumerate(zip(body, known, strict=True))
        return [name for index, pair in pairs for name in _unknown_fields(*pair, f"{where}[{index}]")]
    return []


def check_answer(expression: str, body: object) -> None:
    """Validate a response.

    Args:
        expression: The route's model.
        body: The response's body, decoded from JSON.

    Raises:
        SchemaError: A field is missing, has a wrong type, or is unknown to the schema.
    """
    adapter = model_adapter(expression)
    try:
        parsed = adapter.validate_python(body)
    except ValidationError as error:
        # Without the values, which would otherwise appear in the log.
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SchemaError(f"the answer is no {expression}: {'; '.join(problems)}") from None
    known = adapter.dump_python(parsed, by_alias=True, warnings=False)
    if unknown := _unknown_fields(body, known):
        raise SchemaError(f"{expression} has no field {', '.join(sorted(unknown))}")


def check_response(response: Response) -> Response:
    """Validate a route's successful response against its model."""
    if request.endpoint in MODELS and response.status_code in {HTTPStatus.OK, HTTPStatus.CREATED}:
        check_answer(MODELS[request.endpoint], response.get_json())
    return response
