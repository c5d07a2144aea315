"""The rights of GitHub's jobs on Pulumi's state: the real engine on an S3 backend that enforces them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from cfs.engine import EngineError
from cfs.remote_engine import RemoteEngine
from infra.access.rights import jobs
from infra.github.delivery import WORKFLOW_SOURCES
from infra.github.jobs_access import JOB_POLICIES, job_policy_document
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from local.aws.iam.conditions import matches_pattern
from terminal.errors import UserError
from tests.e2e.guarded_aws import GuardedAws
from tests.unit.infra.conftest import job_scope
from toolchain import obtain_toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.guarded_aws import Touched

STACK, REGION, BUCKET = "prod", "us-west-2", "claudefs-prod-state"
SCOPE = job_scope(STACK, state_bucket_arn=f"arn:aws:s3:::{BUCKET}")
PERSON = "person"
"""Who sets the stack up, and may do everything."""

PROGRAM = """\
import pulumi

pulumi.ComponentResource("test:index:Component", "component")
pulumi.export("secret", pulumi.Config().require_secret("secret"))
"""

CHECKPOINT = f".pulumi/stacks/{CONFIG_NAMESPACE}/{STACK}.json"
HISTORY = f".pulumi/history/{CONFIG_NAMESPACE}/{STACK}/{STACK}-*"
LOCKS = f".pulumi/locks/organization/{CONFIG_NAMESPACE}/{STACK}/"
A_LOCK = str(uuid.UUID(int=0))
READ: set[Touched] = {
    ("s3:ListBucket", ".pulumi/stacks/"),
    ("s3:ListBucket", CHECKPOINT),
    ("s3:GetObject", ".pulumi/meta.yaml"),
    ("s3:GetObject", CHECKPOINT),
    ("s3:GetObject", f".pulumi/stacks/{CONFIG_NAMESPACE}/{STACK}.pulumi-tags"),
    ("kms:Decrypt", SCOPE.key_arn),
}
WRITTEN: set[Touched] = {
    ("s3:PutObject", CHECKPOINT),
    ("s3:PutObject", f"{CHECKPOINT}.bak"),
    ("s3:PutObject", f"{HISTORY}.history.json"),
    ("s3:PutObject", f"{HISTORY}.checkpoint.json"),
    ("s3:PutObject", f".pulumi/backups/{CONFIG_NAMESPACE}/{STACK}/{STACK}.*.json"),
    ("kms:GenerateDataKey", SCOPE.key_arn),
}
LOCKED: set[Touched] = {
    ("s3:ListBucket", LOCKS),
    ("s3:GetObject", f"{LOCKS}*.json"),
    ("s3:PutObject", f"{LOCKS}*.json"),
    ("s3:DeleteObject", f"{LOCKS}*.json"),
}
COMPRESSED: set[Touched] = {
    ("s3:GetObject", f"{CHECKPOINT}.gz"),
    ("s3:PutObject", f"{CHECKPOINT}.gz.bak"),
    ("s3:DeleteObject", f"{CHECKPOINT}.gz"),
}


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A small stack whose state is in S3.

    Attributes:
        aws: The account.
        url: Where it answers.
        folder: The program and its settings.
        monkeypatch: Sets the environment of callers.
    """

    aws: GuardedAws
    url: str
    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def run(self, caller: str, *arguments: str, **variables: str) -> str:
        """Run the engine as jobs do, with a caller's credentials, and give what it says."""
        with self.monkeypatch.context() as environment:
            for name, value in {"AWS_ACCESS_KEY_ID": caller, **variables}.items():
                environment.setenv(name, value)
            engine = RemoteEngine(environment_name=STACK, toolchain=obtain_toolchain())
            return engine.query_text(*arguments, "--cwd", str(self.folder))

    def seen(self, caller: str, *arguments: str, **variables: str) -> set[Touched]:
        """Run the engine and give what it has called."""
        self.aws.seen.pop(caller, None)
        self.run(caller, *arguments, **variables)
        return self.aws.seen[caller]

    def client(self, service: str) -> Any:
        """Return an administrator's client of the account."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=PERSON,
            aws_secret_access_key="secret",
        )


def backend_url() -> str:
    """Return the backend as the workflow names it."""
    steps = yaml.safe_load((WORKFLOW_SOURCES / "deploy-prod.yml").read_text())["jobs"]["deploy"]["steps"]
    [url] = {step["env"]["PULUMI_BACKEND_URL"] for step in steps if "PULUMI_BACKEND_URL" in step.get("env", {})}
    named = url.replace("${{ vars.STATE_BUCKET }}", BUCKET).replace("${{ vars.AWS_REGION }}", REGION)
    # Loopback has no host for each bucket.
    return f"{named}&use_path_style=true"


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """A stack that a person has set up as the documents say."""
    aws = GuardedAws(
        region=REGION,
        bucket_arn=SCOPE.state_bucket_arn,
        key_arn=SCOPE.key_arn,
        policies={job: [job_policy_document(name, SCOPE) for name in names] for job, names in JOB_POLICIES.items()},
    )
    (tmp_path / "__main__.py").write_text(PROGRAM)
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(PROJECT_FOLDER / ".venv")}}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": CONFIG_NAMESPACE, "runtime": runtime}))
    with aws.serving() as url:
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PULUMI_BACKEND_URL": backend_url(),
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        made = Backend(aws=aws, url=url, folder=tmp_path, monkeypatch=monkeypatch)
        made.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        key = made.client("kms").create_key()["KeyMetadata"]["KeyId"]
        made.run(PERSON, "stack", "init", STACK, "--secrets-provider", f"awskms://{key}?region={REGION}")
        made.run(PERSON, "config", "set", "--secret", "secret", "marker")
        yield made


def test_pulumi_works_under_the_policies_of_jobs_which_allow_nothing_on_its_state_that_it_does_not_use(
    backend: Backend,
) -> None:
    up = ("up", "--yes", "--skip-preview")
    # The stack has no tags yet: S3 says so, and does not refuse.
    seen = backend.seen("deploy", *up)
    assert seen >= READ | WRITTEN | LOCKED
    backend.run(PERSON, "stack", "tag", "set", "team", "claudefs")

    for reading in (
        ("preview", "--save-plan", str(backend.folder / "plan.json")),
        ("refresh", "--preview-only"),
        ("stack", "output", "--json"),
        ("stack", "export"),
    ):
        assert backend.seen("preview", *reading) <= READ
    seen |= backend.seen("deploy", "refresh", "--yes", "--skip-preview")
    exported = backend.folder / "state.json"
    exported.write_text(backend.run("preview", "stack", "export"))
    seen |= backend.seen("deploy", "stack", "import", "--file", str(exported))

    lock = {"pid": 1, "username": "me", "hostname": "a-machine", "timestamp": "2026-01-01T00:00:00Z"}
    backend.client("s3").put_object(Bucket=BUCKET, Key=f"{LOCKS}{A_LOCK}.json", Body=json.dumps(lock))
    with pytest.raises(UserError, match="Another run is at work"):
        backend.run("deploy", *up)
    seen |= backend.aws.seen["deploy"] | backend.seen("deploy", "cancel", "--yes")

    backend.run(PERSON, *up, PULUMI_DIY_BACKEND_GZIP="true")
    seen |= backend.seen("deploy", *up)
    seen |= backend.seen("deploy", "destroy", "--yes", "--skip-preview")

    assert backend.aws.refused == set()
    assert seen == READ | WRITTEN | LOCKED | COMPRESSED
    for right in jobs.state_rights(SCOPE):
        for action in right.actions:
            for resource in right.resources:
                assert is_used(action, resource, seen), f"nothing uses {action} on {resource}"

    with pytest.raises(EngineError, match="AccessDenied"):
        backend.run("preview", *up)
    assert backend.aws.refused == {("s3:PutObject", f"{LOCKS}*.json"), ("kms:GenerateDataKey", SCOPE.key_arn)}


def is_used(action: str, resource: str, seen: set[Touched]) -> bool:
    """Return whether something that was seen uses an action on a resource."""
    if action == "s3:ListBucket":
        return any(action == called for called, _ in seen)
    return any(
        action == called
        and matches_pattern(resource, place if place.startswith("arn:") else f"{SCOPE.state_bucket_arn}/{place}")
        for called, place in seen
    )
