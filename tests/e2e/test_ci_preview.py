"""`cfs ci preview` with the real engine: what would change, what has drifted, and nothing is changed."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from cfs.ci import stack_preview as asked
from infra.project import PROJECT_FOLDER
from local.environment import LocalEnvironment

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.e2e.conftest import Stack

CFS = PROJECT_FOLDER / ".venv" / "bin" / "cfs"


def preview(folder: Path, *arguments: str, environment: dict[str, str]) -> dict[str, Any]:
    output = folder / "look.json"
    subprocess.run(
        [CFS, "ci", "preview", "--environment", "local", "--output", output, *arguments],
        env=environment,
        capture_output=True,
        check=True,
        timeout=300,
    )
    content: dict[str, Any] = json.loads(output.read_text())
    return content


def test_drift_is_told_apart_from_changes_and_both_stay_as_they_are(stack: Stack, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    environment = {**stack.engine.account.command_environment(), "GITHUB_STEP_SUMMARY": str(summary)}
    environment["CFS_LOCAL_DIR"] = str(stack.engine.account.folder)

    assert preview(tmp_path, "--drift", environment=environment) == {
        "environment": "local",
        "changes": [],
        "drift": [],
    }
    assert "Nothing would change." in summary.read_text()

    buckets = stack.client("s3")
    cache = stack.outputs()["cacheBucket"]
    buckets.delete_bucket_policy(Bucket=cache)
    stack.client("ec2").create_tags(Resources=[stack.outputs()["vpcId"]], Tags=[{"Key": "Name", "Value": "by-hand"}])
    for _ in range(2):
        seen = preview(tmp_path, "--drift", environment=environment)
        assert seen["changes"] == []
        assert {(change["operation"], change["urn"].split("::")[2].rpartition("$")[2]) for change in seen["drift"]} == {
            ("delete", "aws:s3/bucketPolicy:BucketPolicy"),
            ("update", "aws:ec2/vpc:Vpc"),
        }
        assert "tags.Name" in next(change["properties"] for change in seen["drift"] if change["operation"] == "update")
    assert "build-cache-policy" in summary.read_text()


def test_a_setting_that_replaces_is_told_as_one_replacement(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalEnvironment, "open_engine", lambda _: stack.engine)
    stack.set("claudefs-infra:orchestratorInstanceType", "c7a.xlarge")
    changes = asked.summarize_preview("local", drift=False).changes
    assert [(change.operation, change.name) for change in changes] == [("update", "orchestrator")]
    assert "instanceType" in changes[0].properties
