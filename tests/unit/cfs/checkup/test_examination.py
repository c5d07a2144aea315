"""An examination as a whole: failed calls, phases, and the page that describes them."""

from __future__ import annotations

import re
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest

from cfs.aws import AwsAccount, AwsError
from cfs.checkup.checks import ACTIVATION_PHASES, CHECKS, EnvironmentCheck, phase_checks
from cfs.checkup.examination import run_check
from cfs.checkup.facts import EnvironmentFacts, RecordedStack
from cfs.doctor.findings import good_finding
from cfs.environments import RealEnvironment
from infra.config.stack_settings import settings_of_config
from infra.project import PROJECT_FOLDER
from infra.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.doctor.findings import Finding


@pytest.fixture
def facts() -> EnvironmentFacts:
    reading: Future[RecordedStack] = Future()
    reading.set_result(RecordedStack())
    return EnvironmentFacts(
        environment=RealEnvironment(name="prod"),
        settings=settings_of_config(
            {"aws:region": "us-west-2", "github:owner": "acme", "github:organization": "acme"}, stack="local"
        ),
        aws=AwsAccount(session=boto3.Session("key", "secret", region_name="us-west-2")),
        scope=Scope(account_id="111122223333", region="us-west-2", environment="prod"),
        reading=reading,
    )


def test_a_refused_call_is_a_doubtful_finding_that_names_it_and_keeps_what_was_found(facts: EnvironmentFacts) -> None:
    def examine(_: EnvironmentFacts) -> Iterator[Finding]:
        yield good_finding("first", "It is there.")
        raise AwsError("AWS refused iam:GetRole", code="AccessDenied", repair="ask for permission to use iam:GetRole")

    kept, failed = run_check(EnvironmentCheck(name="roles", phases=(1,), examine=examine), facts)

    assert kept.check == "first"
    assert (failed.check, failed.verdict) == ("roles", "doubtful")
    assert failed.message == "It cannot be seen with this role: AWS refused iam:GetRole"
    assert failed.repair == "ask for permission to use iam:GetRole"


def test_checks_of_what_is_deployed_call_nothing_before_the_deployment(facts: EnvironmentFacts) -> None:
    silent = replace(facts, aws=AwsAccount(session=boto3.Session(), _clients={}))
    deployed = {"roles", "firewall", "tags", "schedules", "alarms", "release", "alert topic"}

    found = [finding for check in CHECKS if check.name in deployed for finding in run_check(check, silent)]

    assert found == []


def test_every_phase_needs_checks_and_every_check_has_a_phase() -> None:
    assert all(phase_checks(phase) for phase in ACTIVATION_PHASES)
    assert all(check.phases for check in CHECKS)
    assert phase_checks(None) == list(CHECKS)


def test_the_page_has_a_row_for_each_check_with_its_phases() -> None:
    page = (PROJECT_FOLDER / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `([a-z ]+)` \| ([1-5, ]+) \|", page, re.MULTILINE)

    assert [(name, tuple(map(int, phases.split(", ")))) for name, phases in rows] == [
        (check.name, check.phases) for check in CHECKS
    ]
    for phase, title in ACTIVATION_PHASES.items():
        assert f"{phase}. {title}" in page
