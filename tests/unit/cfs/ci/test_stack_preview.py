"""Previews of a real account's stack, with a stand-in for `pulumi`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cfs.ci import stack_preview
from cfs.previews.policy_findings import policies_section
from terminal.errors import UserError
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUCKET = "urn:pulumi:prod::claudefs-infra::aws:s3/bucket:Bucket::cache"
UPDATE = {"steps": [{"op": "update", "urn": BUCKET}]}


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replace `pulumi` with a shell script."""
    toolchain = Toolchain(origin="built", version="3.259.0", path=(tmp_path,), env={})
    monkeypatch.setattr("cfs.remote_engine.obtain_toolchain", lambda: toolchain)

    def write(script: str) -> None:
        (tmp_path / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "pulumi").chmod(0o755)

    return write


def test_drift_is_checked_only_on_request(pulumi: Callable[[str], None]) -> None:
    pulumi(f"""case "$*" in
        "preview --json --event-log "*) echo '{{"steps": []}}' ;;
        "refresh --preview-only --json --stack prod --non-interactive") echo '{json.dumps(UPDATE)}' ;;
        *) exit 9 ;;
        esac""")
    seen = stack_preview.summarize_preview("prod", drift=True)
    assert seen.changes == ()
    assert [(change.operation, change.name) for change in seen.drift or ()] == [("update", "cache")]
    assert stack_preview.summarize_preview("prod", drift=False).drift is None


def test_a_failure_shows_the_engines_errors_from_stdout_and_stderr(pulumi: Callable[[str], None]) -> None:
    told = {"diagnostics": [{"severity": "error", "message": "no valid credential sources found"}]}
    pulumi(f"echo '{json.dumps(told)}'; echo 'error: preview failed' >&2; exit 255")
    with pytest.raises(UserError) as failure:
        stack_preview.summarize_preview("prod", drift=False)
    assert failure.value.problem == "`pulumi preview` failed on prod:\nno valid credential sources found"
    assert "AWS credentials" in failure.value.repair


def test_a_missing_stack_is_reported_with_the_command_that_creates_it(pulumi: Callable[[str], None]) -> None:
    pulumi("echo \"error: no stack named 'prod' found\" >&2; exit 255")
    with pytest.raises(UserError, match="has no stack prod") as failure:
        stack_preview.summarize_preview("prod", drift=False)
    assert "cfs bootstrap --environment prod" in failure.value.repair


def test_a_preview_says_what_it_costs_and_an_unknown_cost_does_not_fail_it(pulumi: Callable[[str], None]) -> None:
    for config, said in (("{}", "| **total** |"), ('{"aws:region": "mars"}', "**Cost of prod:** unknown.")):
        pulumi(f"""echo '{{"config": {config}, "steps": []}}'""")
        assert said in stack_preview.summarize_preview("prod", drift=False).cost


def test_violations_of_policies_are_in_the_summary_although_the_engines_json_omits_them(
    pulumi: Callable[[str], None],
) -> None:
    event = {"resourceUrn": BUCKET, "policyName": "mandatory", "enforcementLevel": "mandatory"}
    logged = [
        {"preludeEvent": {"config": {"a": '"policyEvent"'}}},
        {"policyEvent": {**event, "message": "Stops the run\nimdsv2: It is old.\nRepair: renew it\n"}},
    ]
    failed = {"steps": [], "diagnostics": [{"severity": "error", "message": "error: preview failed"}]}
    lines = " ".join(f"'{json.dumps(line)}'" for line in logged)
    pulumi(f"""printf '%s\\n' {lines} >"$4"; echo '{json.dumps(failed)}'; exit 1""")

    [finding] = stack_preview.summarize_preview("prod", drift=False).policies

    assert finding.is_mandatory
    assert finding.finding_text == "cache: imdsv2: It is old. Repair: renew it"
    said = policies_section([finding])
    assert "| **mandatory** | `cache` | imdsv2: It is old. Repair: renew it |" in said
