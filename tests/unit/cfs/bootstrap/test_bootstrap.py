"""Bootstrap and destruction of an environment: created and deleted resources, refusals, and repeated runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from cfs.aws import AwsAccount, AwsError
from cfs.bootstrap import new_environment
from cfs.bootstrap.destruction import Destruction
from cfs.bootstrap.new_environment import open_new_environment
from cfs.bootstrap.steps import run_steps
from cfs.environments import RealEnvironment
from cfs.remote_engine import RemoteEngine
from infra.project import PROJECT_FOLDER
from infra.storage.key_declaration import key_policy
from local.aws.gaps import close_gaps
from terminal.errors import UserError
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cfs.engine import StackEngine

REGION = "us-west-2"
BUCKET = f"claudefs-prod-state-{DEFAULT_ACCOUNT_ID}-{REGION}"
ALIAS = "alias/claudefs-prod"
STATE = ".pulumi/stacks/claudefs-infra/prod.json"


@dataclass(frozen=True, kw_only=True)
class RecordingEngine(RemoteEngine):
    """Imitates Pulumi's effects on bucket and settings, and records its commands."""

    file: Path
    commands: list[tuple[str, ...]] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)

    def query_text(self, *arguments: str) -> str:
        self.commands.append(arguments)
        settings = yaml.safe_load(self.file.read_text())
        match arguments:
            case "stack", "init", _, _, provider:
                client("s3").put_object(Bucket=BUCKET, Key=STATE, Body=b"{}")
                settings |= {"secretsprovider": provider, "encryptedkey": "data"}
            case "stack", "rm", *_:
                client("s3").delete_object(Bucket=BUCKET, Key=STATE)
            case "config", "set", key, value:
                settings["config"][key] = value
        self.file.write_text(yaml.safe_dump(settings))
        return ""

    def read_deployment(self) -> dict[str, Any]:
        return {"resources": self.resources}

    def run_operation(self, operation: str, *arguments: str, to_stderr: bool = False) -> None:
        assert not to_stderr
        self.commands.append((operation, *arguments))
        self.resources[:] = [of for of in self.resources if f"--exclude={of['urn']}" in arguments]


@dataclass(frozen=True, kw_only=True)
class TriedEnvironment(RealEnvironment):
    """The environment `prod` with the test's settings file and engine."""

    file: Path
    engine: RecordingEngine
    aws: AwsAccount

    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        assert region is None
        return self.aws

    @property
    def settings_file(self) -> Path:
        return self.file

    def open_engine(self) -> StackEngine:
        return self.engine


@cache
def client(service: str) -> Any:
    """Return a client, which any of moto's accounts serves; creating one takes longer than a test's calls."""
    return boto3.client(service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture(scope="module")
def aws() -> AwsAccount:
    """The caller's account, with clients that all tests share."""
    return AwsAccount(session=boto3.Session("test", "test", region_name=REGION))


@pytest.fixture
def engine(aws: AwsAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingEngine]:
    close_gaps()
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    file = tmp_path / "Pulumi.prod.yaml"
    shutil.copy(PROJECT_FOLDER / "Pulumi.prod.yaml", file)
    toolchain = Toolchain(origin="path", version="3", path=(), env={})
    engine = RecordingEngine(environment_name="prod", toolchain=toolchain, file=file)
    environment = TriedEnvironment(name="prod", file=file, engine=engine, aws=aws)
    monkeypatch.setattr(new_environment, "find_stack_environment", lambda _name: environment)
    with mock_aws():
        yield engine


def bootstrap(*, adopt: str = "", dry_run: bool = False) -> None:
    run_steps(open_new_environment("prod", adopt=adopt).steps(), dry_run=dry_run)


def destroy() -> None:
    run_steps(Destruction(environment=open_new_environment("prod")).steps(), dry_run=False)


def deploy(engine: RecordingEngine) -> None:
    """Record the resources of a deployment."""
    kept = ("aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:kms/alias:Alias")
    for type_ in (*kept, "aws:sns/topic:Topic"):
        retained = type_ == "aws:s3/bucket:Bucket"
        engine.resources.append(
            {"urn": type_, "type": type_, "id": "id", "custom": True, "protect": True, "retainOnDelete": retained}
        )


def make_bucket(name: str) -> None:
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def test_an_empty_account_gets_the_bucket_the_key_and_the_stack_with_their_settings(engine: RecordingEngine) -> None:
    bootstrap()

    [key_id] = [of["TargetKeyId"] for of in client("kms").list_aliases()["Aliases"] if of["AliasName"] == ALIAS]
    scope = open_new_environment("prod").key.scope
    assert json.loads(client("kms").get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]) == json.loads(
        key_policy(scope)
    )
    assert client("kms").get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    assert client("s3").get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert all(client("s3").get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    assert "aws:SecureTransport" in client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"]
    [rule] = client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"].endswith(key_id)
    settings = yaml.safe_load(engine.file.read_text())
    assert settings["secretsprovider"] == f"awskms://{ALIAS}?region={REGION}"
    assert (
        settings["config"]
        | {
            "aws:allowedAccountIds": f'["{DEFAULT_ACCOUNT_ID}"]',
            "claudefs-infra:adoptStateBucket": BUCKET,
            "claudefs-infra:adoptEncryptionKey": key_id,
        }
        == settings["config"]
    )
    assert engine.commands[0] == ("login", f"s3://{BUCKET}?region={REGION}&awssdk=v2")


def test_a_dry_run_changes_nothing(engine: RecordingEngine) -> None:
    before = engine.file.read_text()
    bootstrap(dry_run=True)
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("kms").list_keys()["Keys"] == []
    assert (engine.commands, engine.file.read_text()) == ([], before)


def test_a_bootstrap_killed_after_any_call_can_be_repeated_and_creates_nothing_twice(
    engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = AwsAccount.call_operation
    left = 0

    def call_and_die(account: AwsAccount, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        nonlocal left
        answer = call(account, service, operation, **arguments)
        if operation.startswith(("create", "put", "enable")):
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(AwsAccount, "call_operation", call_and_die)
    deaths = 0
    while True:
        left = 1
        try:
            bootstrap()
        except KeyboardInterrupt:
            deaths += 1
        else:
            break
    # Key, alias, rotation, bucket, and the bucket's six configurations.
    assert deaths == 4 + 6
    assert len(client("kms").list_keys()["Keys"]) == 1
    changed = len(engine.commands)
    bootstrap()
    assert [command[0] for command in engine.commands[changed:]] == ["login"]


def test_a_stack_without_the_data_key_of_its_secrets_is_initialised_again(engine: RecordingEngine) -> None:
    bootstrap()
    settings = yaml.safe_load(engine.file.read_text())
    engine.file.write_text(yaml.safe_dump({"config": settings["config"]}))
    engine.commands.clear()
    bootstrap()
    assert [command[:2] for command in engine.commands[1:]] == [("stack", "rm"), ("stack", "init")]


def test_an_alias_of_another_key_is_refused(engine: RecordingEngine) -> None:
    key_id = client("kms").create_key()["KeyMetadata"]["KeyId"]
    client("kms").create_alias(AliasName=ALIAS, TargetKeyId=key_id)
    with pytest.raises(UserError, match=rf"(?s){ALIAS} names the key {key_id}.*delete-alias"):
        bootstrap()
    assert engine.commands == []


def test_a_key_that_waits_for_its_deletion_is_refused(engine: RecordingEngine) -> None:
    bootstrap()
    key_id = yaml.safe_load(engine.file.read_text())["config"]["claudefs-infra:adoptEncryptionKey"]
    client("kms").schedule_key_deletion(KeyId=key_id)
    with pytest.raises(UserError, match=rf"(?s)PendingDeletion.*cancel-key-deletion --key-id {key_id}"):
        bootstrap()


def test_a_bucket_without_the_tags_is_refused_unless_it_is_adopted_unchanged(engine: RecordingEngine) -> None:
    make_bucket(BUCKET)
    with pytest.raises(UserError, match=rf"(?s){BUCKET} does not have the tags.*--adopt {BUCKET}"):
        bootstrap()

    found = open_new_environment("prod", adopt=BUCKET)
    assert [line.partition(":")[0] for line in found.adopted_changes()] == [
        *("public access", "ownership", "versioning", "encryption", "policy", "lifecycle")
    ]
    bootstrap(adopt=BUCKET)
    assert "Status" not in client("s3").get_bucket_versioning(Bucket=BUCKET)
    assert yaml.safe_load(engine.file.read_text())["config"]["claudefs-infra:adoptStateBucket"] == BUCKET
    assert open_new_environment("prod").adopted_changes() == []
    with pytest.raises(UserError, match="another-bucket would replace it"):
        bootstrap(adopt="another-bucket")


@pytest.mark.usefixtures("engine")
def test_a_bucket_that_grants_rights_to_others_by_its_acl_is_not_adopted() -> None:
    make_bucket(BUCKET)
    client("s3").put_bucket_acl(Bucket=BUCKET, ACL="log-delivery-write")
    with pytest.raises(
        UserError, match=r"grants rights to http://acs\.amazonaws\.com/groups/s3/LogDelivery"
    ) as refused:
        open_new_environment("prod", adopt=BUCKET).adopted_changes()
    assert f"aws s3api put-bucket-acl --bucket {BUCKET} --acl private" in refused.value.repair

    client("s3").put_bucket_acl(Bucket=BUCKET, ACL="private")
    assert open_new_environment("prod", adopt=BUCKET).adopted_changes() != []


@pytest.mark.usefixtures("engine")
def test_a_bucket_of_another_account_or_region_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    abroad = boto3.client("s3", region_name="eu-west-1")
    abroad.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(UserError, match="is in eu-west-1"):
        bootstrap()
    call = AwsAccount.call_operation

    def refuse_bucket(account: AwsAccount, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        if operation == "head_bucket":
            raise AwsError("refused", code="403", repair="")
        return call(account, service, operation, **arguments)

    monkeypatch.setattr(AwsAccount, "call_operation", refuse_bucket)
    with pytest.raises(UserError, match=f"{BUCKET} is not the account {DEFAULT_ACCOUNT_ID}'s"):
        bootstrap()


def test_variables_and_settings_of_another_backend_key_or_account_are_refused(
    engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://another")
    with pytest.raises(UserError, match="unset PULUMI_BACKEND_URL"):
        open_new_environment("prod").setup.check_variables()
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    settings = yaml.safe_load(engine.file.read_text())
    engine.file.write_text(yaml.safe_dump({**settings, "encryptionsalt": "v1:salt"}))
    with pytest.raises(UserError, match=r"(?s)encrypted with passphrase.*change-secrets-provider"):
        open_new_environment("prod").setup.check_variables()
    settings["config"]["aws:allowedAccountIds"] = ["111122223333"]
    engine.file.write_text(yaml.safe_dump(settings))
    with pytest.raises(UserError, match=r"(?s)111122223333.*AWS_PROFILE"):
        open_new_environment("prod")


def test_destruction_deletes_the_resources_then_the_state_and_finally_the_key(engine: RecordingEngine) -> None:
    before = yaml.safe_load(engine.file.read_text())
    bootstrap()
    key_id = open_new_environment("prod").key.find_id()
    deploy(engine)
    make_bucket(artifacts := BUCKET.replace("state", "artifacts"))
    tags = [{"Key": "project", "Value": "claudefs"}, {"Key": "Environment", "Value": "prod"}]
    tagging = {"TagSet": [*tags, {"Key": "Role", "Value": "artifacts"}]}
    client("s3").put_bucket_tagging(Bucket=artifacts, Tagging=tagging)
    client("s3").put_object(Bucket=artifacts, Key="release", Body=b"")
    engine.commands.clear()

    destroy()

    kept = ("aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:kms/alias:Alias")
    destroyed = ("destroy", "--yes", "--skip-preview", "--ignore-protect", *(f"--exclude={urn}" for urn in kept))
    removed = ("stack", "rm", "--force", "--yes", "--preserve-config", "--remove-backups")
    assert [command for command in engine.commands if command[0] != "login"] == [destroyed, removed]
    # The real engine would delete the emptied bucket.
    assert [of["Name"] for of in client("s3").list_buckets()["Buckets"]] == [artifacts]
    assert "Contents" not in client("s3").list_objects_v2(Bucket=artifacts)
    assert client("kms").describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert ALIAS not in {of["AliasName"] for of in client("kms").list_aliases()["Aliases"]}
    account = {"aws:allowedAccountIds": f'["{DEFAULT_ACCOUNT_ID}"]'}
    assert yaml.safe_load(engine.file.read_text()) == {"config": before["config"] | account}
    engine.commands.clear()
    destroy()
    assert engine.commands == []
    # The environment can be bootstrapped again.
    bootstrap()
    assert open_new_environment("prod").key.find_id() not in ("", key_id)


def test_destruction_leaves_the_state_of_another_environment_and_the_key_that_encrypts_it(
    engine: RecordingEngine,
) -> None:
    bootstrap()
    another = ".pulumi/stacks/claudefs-infra/prod-eu.json"
    client("s3").put_object(Bucket=BUCKET, Key=another, Body=b"{}")
    destroy()
    listed = client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [of["Key"] for of in listed] == [another]
    assert open_new_environment("prod").key.find_id()
    assert ("stack", "rm") in [command[:2] for command in engine.commands]
