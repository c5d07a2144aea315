"""The rights of GitHub's jobs on Pulumi's state: the real engine on an S3 backend that enforces them."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from cfs.engine import EngineError
from cfs.remote_engine import RemoteEngine
from infra.access.rights import jobs
from infra.github.delivery import WORKFLOW_SOURCES
from infra.github.jobs_access import JOB_POLICIES, job_policy_document
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from local.account import PLACEHOLDER_ACCESS_KEY
from local.aws.clock import AccountClock
from local.aws.iam.conditions import matches_pattern
from local.aws.iam.gate import AccessGate
from local.aws.journal import Journal
from terminal.errors import UserError
from tests.loopback_server import serve_on_loopback
from tests.unit.infra.conftest import job_scope
from toolchain import obtain_toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TypeAlias

    from infra.access.job_scope import JobScope
    from infra.github.jobs_access import JobKind

STACK, REGION, BUCKET = "prod", "us-west-2", "claudefs-prod-state"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
PERSON = "person"
"""Who sets the stack up, and may do everything."""

Touched: TypeAlias = "tuple[str, str]"
"""An action, and the object that it touched, "" of the bucket; `*` stands for what each run makes up."""

KEY = "the key"
_MADE_UP = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|(?<=[-.])\d{16,}")

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
    ("s3:ListBucket", ""),
    ("s3:GetObject", ".pulumi/meta.yaml"),
    ("s3:GetObject", CHECKPOINT),
    ("s3:GetObject", f".pulumi/stacks/{CONFIG_NAMESPACE}/{STACK}.pulumi-tags"),
    ("kms:Decrypt", KEY),
}
WRITTEN: set[Touched] = {
    ("s3:PutObject", CHECKPOINT),
    ("s3:PutObject", f"{CHECKPOINT}.bak"),
    ("s3:PutObject", f"{HISTORY}.history.json"),
    ("s3:PutObject", f"{HISTORY}.checkpoint.json"),
    ("s3:PutObject", f".pulumi/backups/{CONFIG_NAMESPACE}/{STACK}/{STACK}.*.json"),
    ("kms:GenerateDataKey", KEY),
}
LOCKED: set[Touched] = {
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
        gate: Judges what reaches the account.
        url: Where the account answers.
        folder: The program and its settings.
        monkeypatch: Sets the environment of callers.
        callers: The credentials of each caller, as variables; a person has the administrator's.
    """

    gate: AccessGate
    url: str
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    callers: dict[str, dict[str, str]] = field(default_factory=lambda: {PERSON: {}})

    def run(self, caller: str, *arguments: str, **variables: str) -> str:
        """Run the engine as jobs do, with a caller's credentials, and give what it says."""
        with self.monkeypatch.context() as environment:
            for name, value in {**self.callers[caller], **variables}.items():
                environment.setenv(name, value)
            engine = RemoteEngine(environment_name=STACK, toolchain=obtain_toolchain(), policy_pack=None)
            return engine.query_text(*arguments, "--cwd", str(self.folder))

    def seen(self, caller: str, *arguments: str, **variables: str) -> set[Touched]:
        """Run the engine, to which nothing must be refused, and give what it has called."""
        self.gate.forget()
        self.run(caller, *arguments, **variables)
        assert self.refused() == set()
        return self.used(caller)

    def used(self, caller: str) -> set[Touched]:
        """Return what a caller has called since the gate has forgotten."""
        return self._touched(self.gate.describe()["used"][f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/{caller}"])

    def refused(self) -> set[Touched]:
        """Return what was refused since the gate has forgotten."""
        return self._touched(self.gate.describe()["denials"])

    def client(self, service: str) -> Any:
        """Return an administrator's client of the account."""
        return boto3.client(service, endpoint_url=self.url, region_name=REGION)

    def add_caller(self, job: JobKind, scope: JobScope) -> None:
        """Let a job be a caller, by the policies of its role."""
        iam = self.client("iam")
        account = {"Effect": "Allow", "Principal": {"AWS": DEFAULT_ACCOUNT_ID}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": account})
        role = iam.create_role(RoleName=job, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for name in JOB_POLICIES[job]:
            iam.put_role_policy(RoleName=job, PolicyName=name, PolicyDocument=job_policy_document(name, scope))
        session = self.client("sts").assume_role(RoleArn=role, RoleSessionName=job)["Credentials"]
        self.callers[job] = {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }

    def _touched(self, rights: list[dict[str, str]]) -> set[Touched]:
        places = ((right["action"], right["resource"].removeprefix(BUCKET_ARN).lstrip("/")) for right in rights)
        return {(action, KEY if ":kms:" in place else _MADE_UP.sub("*", place)) for action, place in places}


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
    gate = AccessGate()
    gate.switch(enforced=True, issuers={})
    (tmp_path / "__main__.py").write_text(PROGRAM)
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(PROJECT_FOLDER / ".venv")}}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": CONFIG_NAMESPACE, "runtime": runtime}))
    app = Journal(
        DomainDispatcherApplication(create_backend_app),
        tmp_path / "account.jsonl",
        clock=AccountClock(),
        admit=gate.admit,
    )
    with serve_on_loopback(app) as url:
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": PLACEHOLDER_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": PLACEHOLDER_ACCESS_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PULUMI_BACKEND_URL": backend_url(),
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        made = Backend(gate=gate, url=url, folder=tmp_path, monkeypatch=monkeypatch)
        key = made.client("kms").create_key()["KeyMetadata"]
        s3 = made.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        by_key = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["Arn"]}}
        s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [by_key]})
        scope = job_scope(STACK, state_bucket_arn=BUCKET_ARN, key_arn=key["Arn"])
        for job in ("preview", "deploy"):
            made.add_caller(job, scope)
        made.run(PERSON, "stack", "init", STACK, "--secrets-provider", f"awskms://{key['KeyId']}?region={REGION}")
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
    seen |= backend.used("deploy") | backend.seen("deploy", "cancel", "--yes")

    backend.run(PERSON, *up, PULUMI_DIY_BACKEND_GZIP="true")
    seen |= backend.seen("deploy", *up)
    seen |= backend.seen("deploy", "destroy", "--yes", "--skip-preview")

    assert seen == READ | WRITTEN | LOCKED | COMPRESSED
    for right in jobs.state_rights(job_scope(STACK, state_bucket_arn=BUCKET_ARN)):
        for action in right.actions:
            for resource in right.resources:
                assert is_used(action, resource, seen), f"nothing uses {action} on {resource}"

    with pytest.raises(EngineError, match="AccessDenied"):
        backend.run("preview", *up)
    assert backend.refused() == {("s3:PutObject", f"{LOCKS}*.json")}


def is_used(action: str, resource: str, seen: set[Touched]) -> bool:
    """Return whether something that was seen uses an action on a resource."""
    if action.startswith("kms:"):
        return (action, KEY) in seen
    return any(
        action == called and matches_pattern(resource, f"{BUCKET_ARN}/{place}".rstrip("/")) for called, place in seen
    )
