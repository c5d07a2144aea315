"""Running `pulumi` on a real account's stack, with a stand-in for `pulumi`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cfs.engine import POLICY_PACK
from cfs.remote_engine import RemoteEngine
from terminal.errors import UserError
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def engine_that(tmp_path: Path) -> Callable[[str], RemoteEngine]:
    """Return a function that creates an engine of the stack `prod` whose `pulumi` is a shell script."""

    def make(script: str) -> RemoteEngine:
        (tmp_path / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "pulumi").chmod(0o755)
        toolchain = Toolchain(origin="built", version="3.259.0", path=(tmp_path,), env={"FROM_TOOLCHAIN": "yes"})
        return RemoteEngine(environment_name="prod", toolchain=toolchain)

    return make


def test_the_engine_gets_the_callers_environment_without_variables_that_redirect_requests(
    engine_that: Callable[[str], RemoteEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    elsewhere = ("AWS_ENDPOINT_URL_S3", "GITHUB_APP_ID", "GITHUB_ORGANIZATION", "GITHUB_OWNER", "TF_AWS_S3_ENDPOINT")
    for name in elsewhere:
        monkeypatch.setenv(name, "elsewhere")
    said = engine_that('echo "$@"; env').query_text("preview").splitlines()
    assert said[0] == f"preview --stack prod --policy-pack {POLICY_PACK} --non-interactive"
    assert {"AWS_PROFILE=work", "FROM_TOOLCHAIN=yes"} <= set(said)
    assert not [line for line in said if line.endswith("=elsewhere")]


def test_the_users_own_settings_of_pulumi_take_precedence(
    engine_that: Callable[[str], RemoteEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_PARALLEL", raising=False)
    monkeypatch.setenv("PULUMI_PARALLEL_DIFF", "false")
    said = engine_that("env").query_text("preview").splitlines()
    assert {"PULUMI_PARALLEL=16", "PULUMI_PARALLEL_DIFF=false"} <= set(said)


@pytest.mark.parametrize(
    "said, problem, repair",
    [
        ("error: no stack named 'prod' found", "has no stack prod", "cfs bootstrap --environment prod"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login", "not logged in to a backend", "set PULUMI_BACKEND_URL"),
        ("error: the stack is currently locked by 1 lock(s)", "Another run is at work", "pulumi cancel --stack prod"),
        ("error: incorrect passphrase", "The passphrase does not fit", "PULUMI_CONFIG_PASSPHRASE"),
        ("error: passphrase must be set with", "does not name the key", "gh variable set INFRA_REF --body COMMIT"),
    ],
)
@pytest.mark.parametrize("way", ["run_operation", "query_text"])
def test_failures_that_the_user_can_repair_are_explained(
    engine_that: Callable[[str], RemoteEngine], way: str, said: str, problem: str, repair: str
) -> None:
    engine = engine_that(f'echo "{said}" >&2; exit 255')
    with pytest.raises(UserError, match=problem) as failure:
        getattr(engine, way)("preview")
    assert repair in failure.value.repair


def test_an_engine_that_does_not_answer_is_killed(engine_that: Callable[[str], RemoteEngine]) -> None:
    engine = replace(engine_that("exec sleep 60"), answer_seconds=0.2)
    with pytest.raises(UserError, match=r"`pulumi preview` did not answer within 0\.2 s\.") as failure:
        engine.query_text("preview")
    assert failure.value.repair == "run it again"
