"""What Actions may do in the repository, and what its OpenID Connect tokens say."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from local.github.responses import Answer, ApiError, created, failed_validation, no_content
from local.github.routing import NO_BODY, REPOSITORY, Routes

if TYPE_CHECKING:
    from local.github.calls import Call
    from local.github.records import Json

routes = Routes()

_PERMISSIONS = f"{REPOSITORY}/actions/permissions"
_SELECTED = f"{_PERMISSIONS}/selected-actions"
_WORKFLOW = f"{_PERMISSIONS}/workflow"
_OIDC = f"{REPOSITORY}/actions/oidc/customization/sub"
_DOCS = "actions/permissions"


def _choice(call: Call, name: str, choices: tuple[str, ...]) -> str | None:
    value = call.fields.optional(name, str)
    if value is not None and value not in choices:
        raise failed_validation("Actions", "invalid", field=name)
    return value


@routes.on("GET", _PERMISSIONS, model="ActionsRepositoryPermissions", docs=_DOCS)
def get_permissions(call: Call) -> Answer:
    """Show whether Actions run, and which; a repository without Actions allows none."""
    settings = call.repository.actions.permissions
    if not settings["enabled"]:
        return Answer({"enabled": False})
    body: Json = dict(settings)
    if settings["allowed_actions"] == "selected":
        body["selected_actions_url"] = call.api("/actions/permissions/selected-actions")
    return Answer(body)


@routes.on("PUT", _PERMISSIONS, model=NO_BODY, docs=_DOCS)
def put_permissions(call: Call) -> Answer:
    """Say whether Actions run, and which; what a request leaves out stays."""
    changed: Json = {
        "enabled": call.fields.required("enabled", bool),
        "allowed_actions": _choice(call, "allowed_actions", ("all", "local_only", "selected")),
        "sha_pinning_required": call.fields.optional("sha_pinning_required", bool),
    }
    settings = call.repository.actions.permissions
    settings |= {name: value for name, value in changed.items() if value is not None}
    return no_content()


def _check_selected(call: Call) -> None:
    settings = call.repository.actions.permissions
    if not settings["enabled"] or settings["allowed_actions"] != "selected":
        raise ApiError(HTTPStatus.CONFLICT, "Conflict")


@routes.on("GET", _SELECTED, model="SelectedActions", docs=_DOCS)
def get_selected(call: Call) -> Answer:
    """Show which Actions are allowed where only some are."""
    _check_selected(call)
    return Answer(call.repository.actions.selected)


@routes.on("PUT", _SELECTED, model=NO_BODY, docs=_DOCS)
def put_selected(call: Call) -> Answer:
    """Say which Actions are allowed; what a request leaves out stays."""
    _check_selected(call)
    changed: Json = {
        "github_owned_allowed": call.fields.optional("github_owned_allowed", bool),
        "verified_allowed": call.fields.optional("verified_allowed", bool),
        "patterns_allowed": call.fields.optional("patterns_allowed", list),
    }
    settings = call.repository.actions.selected
    settings |= {name: value for name, value in changed.items() if value is not None}
    return no_content()


@routes.on("GET", _WORKFLOW, model="ActionsGetDefaultWorkflowPermissions", docs=_DOCS)
def get_workflow(call: Call) -> Answer:
    """Show what a workflow's token may do where the workflow does not say."""
    return Answer(call.repository.actions.workflow)


@routes.on("PUT", _WORKFLOW, model=NO_BODY, docs=_DOCS)
def put_workflow(call: Call) -> Answer:
    """Say what a workflow's token may do."""
    changed: Json = {
        "default_workflow_permissions": _choice(call, "default_workflow_permissions", ("read", "write")),
        "can_approve_pull_request_reviews": call.fields.optional("can_approve_pull_request_reviews", bool),
    }
    settings = call.repository.actions.workflow
    settings |= {name: value for name, value in changed.items() if value is not None}
    return no_content()


def _prefix(call: Call) -> str:
    """Show how the `sub` of the repository's tokens begins."""
    owner, repository = call.state.owner, call.repository
    if repository.actions.oidc["use_immutable_subject"]:
        return f"repo:{owner.login}@{owner.id}/{repository.name}@{repository.id}"
    return f"repo:{call.full_name}"


@routes.on("GET", _OIDC, model="OidcCustomSubRepo", docs="actions/oidc")
def get_oidc(call: Call) -> Answer:
    """Show of what the `sub` of the repository's tokens is made."""
    return Answer({**call.repository.actions.oidc, "sub_claim_prefix": _prefix(call)})


@routes.on("PUT", _OIDC, model="EmptyObject", docs="actions/oidc")
def put_oidc(call: Call) -> Answer:
    """Say of what the `sub` is made; the claims are forgotten where the default is chosen."""
    settings: Json = {"use_default": call.fields.required("use_default", bool)}
    keys = call.fields.optional("include_claim_keys", list)
    if keys is not None and not settings["use_default"]:
        settings["include_claim_keys"] = keys
    immutable = call.fields.optional("use_immutable_subject", bool)
    old = call.repository.actions.oidc["use_immutable_subject"]
    settings["use_immutable_subject"] = old if immutable is None else immutable
    call.repository.actions.oidc = settings
    return created({})
