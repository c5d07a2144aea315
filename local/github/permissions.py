"""Settings of GitHub Actions: permissions, and the subject of OpenID Connect tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.github.job_tokens import subject_prefix
from local.github.responses import ApiAnswer, created_answer, failed_validation_error, no_content
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall
    from local.github.records import Json

actions_permission_routes = RouteTable()

_PERMISSIONS = f"{REPOSITORY_PATH}/actions/permissions"
_WORKFLOW = f"{_PERMISSIONS}/workflow"
_OIDC = f"{REPOSITORY_PATH}/actions/oidc/customization/sub"


def _read_choice(call: ApiCall, name: str, choices: tuple[str, ...]) -> str | None:
    value = call.fields.optional_value(name, str)
    if value is not None and value not in choices:
        raise failed_validation_error("Actions", "invalid", field=name)
    return value


@actions_permission_routes.serve_path("GET", _PERMISSIONS)
def get_actions_permissions(call: ApiCall) -> ApiAnswer:
    """Return whether Actions are enabled and which are allowed; only the former if they are disabled."""
    settings = call.repository.actions.permissions
    return ApiAnswer(settings if settings["enabled"] else {"enabled": False})


@actions_permission_routes.serve_path("PUT", _PERMISSIONS)
def put_actions_permissions(call: ApiCall) -> ApiAnswer:
    """Set whether Actions are enabled and which are allowed; absent fields keep their values."""
    changed: Json = {
        "enabled": call.fields.required_value("enabled", bool),
        "allowed_actions": _read_choice(call, "allowed_actions", ("all", "local_only")),
        "sha_pinning_required": call.fields.optional_value("sha_pinning_required", bool),
    }
    settings = call.repository.actions.permissions
    settings |= {name: value for name, value in changed.items() if value is not None}
    return no_content()


@actions_permission_routes.serve_path("GET", _WORKFLOW)
def get_workflow_permissions(call: ApiCall) -> ApiAnswer:
    """Return the default permissions of a workflow's token."""
    return ApiAnswer(call.repository.actions.workflow)


@actions_permission_routes.serve_path("PUT", _WORKFLOW)
def put_workflow_permissions(call: ApiCall) -> ApiAnswer:
    """Set the default permissions of a workflow's token; absent fields keep their values."""
    changed: Json = {
        "default_workflow_permissions": _read_choice(call, "default_workflow_permissions", ("read", "write")),
        "can_approve_pull_request_reviews": call.fields.optional_value("can_approve_pull_request_reviews", bool),
    }
    settings = call.repository.actions.workflow
    settings |= {name: value for name, value in changed.items() if value is not None}
    return no_content()


@actions_permission_routes.serve_path("GET", _OIDC)
def get_oidc_subject(call: ApiCall) -> ApiAnswer:
    """Return the customization of the `sub` claim in the repository's tokens."""
    return ApiAnswer({**call.repository.actions.oidc, "sub_claim_prefix": subject_prefix(call.state)})


@actions_permission_routes.serve_path("PUT", _OIDC)
def put_oidc_subject(call: ApiCall) -> ApiAnswer:
    """Set the customization of the `sub` claim; choosing the default discards the claim keys."""
    settings: Json = {"use_default": call.fields.required_value("use_default", bool)}
    keys = call.fields.optional_value("include_claim_keys", list)
    if keys is not None and not settings["use_default"]:
        settings["include_claim_keys"] = keys
    immutable = call.fields.optional_value("use_immutable_subject", bool)
    old = call.repository.actions.oidc["use_immutable_subject"]
    settings["use_immutable_subject"] = old if immutable is None else immutable
    call.repository.actions.oidc = settings
    return created_answer({})
