"""What the environment must not decide is pinned by settings, or refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import settings
from infra.config.problems import SettingsError
from infra.config.program_settings import RedirectedError, load_settings
from infra.config.variables import REDIRECTS, find_redirects
from infra.naming import LOCAL_STACK
from tests.unit.infra.config.test_settings import DEFAULTS, STACK

if TYPE_CHECKING:
    from infra.config.problems import SettingProblem


def problems(*, stack: str = "prod", without: str = "", **changed: Any) -> tuple[SettingProblem, ...]:
    """Return what is wrong with a stack's settings after some changes; `aws__region` stands for `aws:region`."""
    changes = {key.replace("__", ":"): json.dumps(value) for key, value in changed.items()}
    config = {key: value for key, value in {**DEFAULTS, **STACK, **changes}.items() if key != without}
    try:
        settings.parse_settings(config, stack=stack, secret_keys=[])
    except SettingsError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    "key, problem, repair",
    [
        ("aws:allowedAccountIds", "one account", """pulumi config set aws:allowedAccountIds '["ACCOUNT"]'"""),
        (
            "aws:endpoints",
            "AWS_ENDPOINT_URL_S3",
            "pulumi config set --path 'aws:endpoints[0].s3' https://s3.us-west-2.amazonaws.com",
        ),
        ("github:organization", "github:owner", "pulumi config set github:organization example"),
        ("github:baseUrl", "GITHUB_BASE_URL", "pulumi config set github:baseUrl https://api.github.com/"),
    ],
)
def test_a_stack_without_a_pin_is_refused_with_the_command_that_sets_it(key: str, problem: str, repair: str) -> None:
    [found] = problems(without=key)
    assert found.value is None
    assert problem in found.allowed
    assert found.repair.startswith(repair)


@pytest.mark.parametrize(
    "changed, allowed",
    [
        ({"aws__allowedAccountIds": ["111122223333", "444455556666"]}, "one account"),
        ({"aws__allowedAccountIds": ["1111"]}, "12 digits"),
        ({"aws__endpoints": [{"s3": "https://s3.eu-west-1.amazonaws.com"}]}, "the stack's region, us-west-2"),
        ({"aws__endpoints": [{"sqs": "https://sqs.us-west-2.amazonaws.com"}]}, "must name S3's endpoint"),
    ],
)
def test_a_pin_that_does_not_hold_is_refused(changed: dict[str, Any], allowed: str) -> None:
    [found] = problems(**changed)
    assert allowed in found.allowed


def test_an_account_may_be_a_number_as_pulumi_writes_one_that_is_set_by_its_path() -> None:
    assert problems(aws__allowedAccountIds=[111122223333]) == ()


@pytest.mark.parametrize("key", ["aws:allowedAccountIds", "aws:endpoints", "github:baseUrl"])
def test_the_emulated_account_may_be_anywhere(key: str) -> None:
    assert problems(stack=LOCAL_STACK, without=key) == ()


@pytest.mark.parametrize(
    "name",
    ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_EC2", "AWS_S3_ENDPOINT", "TF_AWS_IAM_ENDPOINT", "TF_AWS_DEFAULT_TAGS_a"],
)
def test_a_program_is_refused_where_a_variable_would_win_over_its_settings(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9000")
    with pytest.raises(RedirectedError, match=rf"(?s)^{name}: the AWS provider would .* unset {name}$"):
        load_settings()


def test_what_a_setting_wins_over_is_not_refused() -> None:
    beaten = [redirect.names for redirect in REDIRECTS if not redirect.beats_settings]
    assert {"GITHUB_ORGANIZATION", "GITHUB_OWNER", "GITHUB_BASE_URL"} <= set(beaten)
    assert find_redirects(beaten) == sorted(beaten)
    assert find_redirects(beaten, unbeatable_only=True) == []
