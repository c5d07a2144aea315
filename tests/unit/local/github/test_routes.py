"""Every route, driven once, with its answer checked by the model that it names."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

import pytest

from local.github.routes import ALL_ROUTES
from tests.unit.local.github.schemas import MODELS, SchemaError, check_answer

if TYPE_CHECKING:
    from local.github.records import ServiceState
    from tests.unit.local.github.conftest import GitHub, OpenGitHub


HOME = "/repos/octo-owner/octo-repository"
ENVIRONMENT = f"{HOME}/environments/production"
BY_ID = "/repositories/1001/environments/production"
PROTECTION = f"{HOME}/branches/main/protection"


class Try(NamedTuple):
    """A request that succeeds on the filled repository; `{…}` stands for what `filled` names."""

    method: str
    path: str
    body: object = None


TRIES = [
    Try("GET", "/user"),
    Try("GET", "/users/octo-owner"),
    Try("GET", "/users/octo-owner/keys"),
    Try("GET", "/users/octo-owner/gpg_keys"),
    Try("GET", HOME),
    Try("PATCH", HOME, {"description": "new"}),
    Try("GET", f"{HOME}/commits"),
    Try("GET", f"{HOME}/commits/main"),
    Try("GET", f"{HOME}/git/trees/main?recursive=1"),
    Try("GET", f"{HOME}/contents/README.md"),
    Try("PUT", f"{HOME}/contents/new.txt", {"message": "m", "content": ""}),
    Try("DELETE", f"{HOME}/contents/README.md", {"message": "m", "sha": "{blob}"}),
    Try("GET", f"{HOME}/git/ref/heads/main"),
    Try("POST", f"{HOME}/git/refs", {"ref": "refs/heads/third", "sha": "{sha}"}),
    Try("PATCH", f"{HOME}/git/refs/heads/topic", {"sha": "{sha}", "force": True}),
    Try("DELETE", f"{HOME}/git/refs/heads/topic"),
    Try("GET", f"{HOME}/branches/main"),
    Try("GET", PROTECTION),
    Try(
        "PUT",
        PROTECTION,
        {
            "required_status_checks": None,
            "enforce_admins": True,
            "required_pull_request_reviews": {},
            "restrictions": None,
        },
    ),
    *(
        attempt
        for variables in (f"{HOME}/actions/variables", f"{ENVIRONMENT}/variables")
        for attempt in (
            Try("GET", variables),
            Try("POST", variables, {"name": "NEW", "value": "v"}),
            Try("GET", f"{variables}/REGION"),
            Try("PATCH", f"{variables}/REGION", {"value": "v"}),
            Try("DELETE", f"{variables}/REGION"),
        )
    ),
    *(
        attempt
        for secrets in (f"{HOME}/actions/secrets", f"{ENVIRONMENT}/secrets", f"{BY_ID}/secrets")
        for attempt in (
            Try("GET", secrets),
            Try("GET", f"{secrets}/public-key"),
            Try("GET", f"{secrets}/KEY"),
            Try("PUT", f"{secrets}/NEW", {"key_id": "{key_id}", "encrypted_value": "{encrypted_value}"}),
            Try("DELETE", f"{secrets}/KEY"),
        )
    ),
    Try("GET", ENVIRONMENT),
    Try("PUT", ENVIRONMENT, {"wait_timer": 5}),
    Try("DELETE", ENVIRONMENT),
    Try("GET", f"{ENVIRONMENT}/deployment-branch-policies"),
    Try("POST", f"{ENVIRONMENT}/deployment-branch-policies", {"name": "v*", "type": "tag"}),
    Try("GET", f"{ENVIRONMENT}/deployment-branch-policies/{{policy}}"),
    Try("PUT", f"{ENVIRONMENT}/deployment-branch-policies/{{policy}}", {"name": "release/*"}),
    Try("DELETE", f"{ENVIRONMENT}/deployment-branch-policies/{{policy}}"),
    Try("GET", f"{HOME}/actions/permissions"),
    Try("PUT", f"{HOME}/actions/permissions", {"enabled": False}),
    Try("GET", f"{HOME}/actions/permissions/workflow"),
    Try("PUT", f"{HOME}/actions/permissions/workflow", {"default_workflow_permissions": "write"}),
    Try("GET", f"{HOME}/actions/runs"),
    Try("GET", f"{HOME}/actions/oidc/customization/sub"),
    Try("PUT", f"{HOME}/actions/oidc/customization/sub", {"use_default": True}),
    Try("GET", f"{HOME}/pulls"),
    Try("POST", f"{HOME}/pulls", {"title": "t", "head": "other", "base": "main"}),
    Try("GET", f"{HOME}/pulls/1"),
    Try("PATCH", f"{HOME}/pulls/1", {"state": "closed"}),
    Try("GET", f"{HOME}/issues/1/comments"),
    Try("POST", f"{HOME}/issues/1/comments", {"body": "b"}),
    Try("PATCH", f"{HOME}/issues/comments/{{comment}}", {"body": "c"}),
    Try("PUT", f"{HOME}/pulls/1/merge"),
    Try("POST", f"{PROTECTION}/required_signatures"),
    Try("GET", f"{HOME}/rulesets/{{ruleset}}"),
    Try("POST", f"{HOME}/rulesets", {"name": "new", "enforcement": "disabled"}),
    Try("GET", f"{HOME}/rules/branches/topic"),
]
"""One request or more for each route."""


class Filled(NamedTuple):
    """A repository that holds something of every kind."""

    github: GitHub
    state: ServiceState
    names: dict[str, str]

    def reset(self) -> GitHub:
        """Undo what another test did; to make a new application each time would take most of the time."""
        self.github.store.state = deepcopy(self.state)
        return self.github


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, open_github: OpenGitHub) -> Filled:
    """Fill a repository, and name what it holds."""
    github = open_github(tmp_path_factory.mktemp("filled") / "state.json")
    sha = github.branch("topic")
    github.branch("other")
    github.put_file("dir/a.txt", "a\n", branch="topic")
    github.put_file("b.txt", "b\n", branch="other")
    github.repo("POST", "/pulls", {"title": "t", "head": "topic", "base": "main"})
    comment = github.repo("POST", "/issues/1/comments", {"body": "a"}).json
    policy = {"protected_branches": False, "custom_branch_policies": True}
    github.repo("PUT", "/environments/production", {"wait_timer": 1, "deployment_branch_policy": policy})
    policies = "/environments/production/deployment-branch-policies"
    created = github.repo("POST", policies, {"name": "main"}).json
    sealed = github.encrypt("marker")
    for variables in ("/actions/variables", "/environments/production/variables"):
        github.repo("POST", variables, {"name": "REGION", "value": "r"})
    for secrets in ("/actions/secrets", "/environments/production/secrets"):
        github.repo("PUT", f"{secrets}/KEY", sealed)
    rules = [{"type": "creation"}, {"type": "required_linear_history"}]
    names = {"ref_name": {"include": ["refs/heads/topic"], "exclude": []}}
    settings = {"name": "r", "enforcement": "active", "rules": rules, "conditions": names}
    ruleset = github.repo("POST", "/rulesets", settings).json
    demands = {"required_status_checks": None, "enforce_admins": None, "restrictions": None}
    github.repo("PUT", "/branches/main/protection", {**demands, "required_pull_request_reviews": {}})
    assert created is not None
    assert comment is not None
    assert ruleset is not None
    return Filled(
        github,
        deepcopy(github.store.state),
        {
            "sha": sha,
            "blob": github.get("/contents/README.md")["sha"],
            "policy": str(created["id"]),
            "comment": str(comment["id"]),
            "ruleset": str(ruleset["id"]),
            **sealed,
        },
    )


def fill(value: object, names: dict[str, str]) -> object:
    """Put the names' values where a text has their names in braces."""
    if isinstance(value, str):
        for name, known in names.items():
            value = value.replace(f"{{{name}}}", known)
        return value
    if isinstance(value, dict):
        return {key: fill(item, names) for key, item in value.items()}
    return value


@pytest.mark.parametrize("attempt", TRIES, ids=lambda attempt: f"{attempt.method} {attempt.path}")
def test_the_answer_of_every_route_fits_githubs_model(filled: Filled, attempt: Try) -> None:
    path = str(fill(attempt.path, filled.names))
    response = filled.reset().request(attempt.method, path, fill(attempt.body, filled.names))
    # The fixture's application raises where an answer does not fit.
    assert 200 <= response.status_code < 300, response.text


def test_every_route_has_a_model_and_is_tried(github: GitHub) -> None:
    urls = github.app.url_map.bind("localhost")
    paths = [
        (re.sub(r"\{(policy|comment|ruleset)\}", "1", attempt.path.partition("?")[0]), attempt.method)
        for attempt in TRIES
    ]
    assert MODELS.keys() == {route.route_name for route in ALL_ROUTES} == {urls.match(*path)[0] for path in paths}
    assert len(ALL_ROUTES) > 50


def test_a_missing_field_does_not_fit_its_model() -> None:
    with pytest.raises(SchemaError, match="updated_at"):
        check_answer("ActionsSecret", {"name": "KEY", "created_at": "2026-01-01T00:00:00Z"})


def test_a_field_of_the_wrong_type_does_not_fit_its_model() -> None:
    with pytest.raises(SchemaError, match="use_default"):
        check_answer("OidcCustomSubRepo", {"use_default": "perhaps"})


def test_a_field_that_github_does_not_know_does_not_fit_its_model() -> None:
    moment = "2026-01-01T00:00:00Z"
    with pytest.raises(SchemaError, match=r"no field \.value"):
        check_answer("ActionsSecret", {"name": "KEY", "value": "x", "created_at": moment, "updated_at": moment})


def test_a_failure_to_fit_does_not_show_the_values() -> None:
    with pytest.raises(SchemaError) as failed:
        check_answer("ActionsSecret", {"name": ["a-marker"]})
    assert "name: Input should be a valid string" in str(failed.value)
    assert "a-marker" not in str(failed.value)
