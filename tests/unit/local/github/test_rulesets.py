"""Rulesets: where they apply and whom they bind; what each rule refuses stands in the doctor's table of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

REVIEW = {
    "type": "pull_request",
    "parameters": {
        "required_approving_review_count": 1,
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
    },
}


def settings(**changes: object) -> dict[str, Any]:
    """Demand a pull request for the default branch, changed as told."""
    return {
        "name": "review",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [REVIEW, {"type": "deletion"}],
        **changes,
    }


def create(github: GitHub, **changes: object) -> int:
    """Create a ruleset, and give its number."""
    response = github.repo("POST", "/rulesets", settings(**changes))
    assert response.status_code == 201, response.text
    assert response.json is not None
    number: int = response.json["id"]
    return number


def include(*patterns: str, exclude: tuple[str, ...] = ()) -> dict[str, Any]:
    """Make the conditions that mean these branches."""
    return {"ref_name": {"include": list(patterns), "exclude": list(exclude)}}


@pytest.mark.parametrize(
    "change",
    [{"name": None}, {"enforcement": None}, {"enforcement": "sometimes"}, {"target": "commit"}],
)
def test_a_ruleset_that_says_too_little_or_nonsense_is_refused(
    github: GitHub,
    change: dict[str, object],
) -> None:
    assert github.repo("POST", "/rulesets", settings(**change)).status_code == 422
    assert github.get("/branches/main")["protected"] is False


def test_a_rule_refuses_a_direct_change_in_githubs_words(github: GitHub) -> None:
    create(github)
    response = github.put_file("a.txt", "1")
    assert response.status_code == 409
    assert response.json is not None
    assert response.json["message"] == (
        "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"
    )
    assert github.repo("GET", "/contents/a.txt").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"enforcement": "disabled"},
        {"enforcement": "evaluate"},
        {"target": "tag"},
        {"rules": [{"type": "deletion"}]},
        {"conditions": include("refs/heads/release/*")},
        {"conditions": include("~ALL", exclude=("refs/heads/main",))},
        {"conditions": {}},
        {"bypass_actors": [{"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "always"}]},
    ],
    ids=str,
)
def test_a_rule_that_does_not_bind_this_change_refuses_nothing(
    github: GitHub,
    change: dict[str, object],
) -> None:
    create(github, **change)
    assert github.put_file("a.txt", "1").status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"conditions": include("~ALL")},
        {"conditions": include("refs/heads/ma*")},
        {"bypass_actors": [{"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "pull_request"}]},
        {"bypass_actors": [{"actor_type": "RepositoryRole", "actor_id": 4, "bypass_mode": "always"}]},
    ],
    ids=str,
)
def test_a_rule_that_binds_this_change_refuses_it(github: GitHub, change: dict[str, object]) -> None:
    create(github, **change)
    assert github.put_file("a.txt", "1").status_code == 409


def test_a_branch_names_the_rules_that_apply_to_it(github: GitHub) -> None:
    number = create(github, rules=[{"type": "deletion"}])
    create(github, name="off", enforcement="disabled", rules=[{"type": "non_fast_forward"}])
    assert github.get("/rules/branches/main") == [
        {
            "type": "deletion",
            "ruleset_source_type": "Repository",
            "ruleset_source": "octo-owner/octo-repository",
            "ruleset_id": number,
        },
    ]
    assert github.get("/rules/branches/topic") == []
    assert github.get("/branches/main")["protected"] is True
