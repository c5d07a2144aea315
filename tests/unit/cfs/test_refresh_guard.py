"""A refresh keeps protected resources, and resources that AWS does not report as gone."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from cfs.aws import AwsAccount
from cfs.engine import EngineError, StackEngine
from cfs.recovery.protected_resources import read_protected
from cfs.recovery.refresh_guard import RefreshGuard
from cfs.recovery.tagged_resources import TaggedResource
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION = "us-west-2"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
KEY = "aws:kms/key:Key"
VPC = "aws:ec2/vpc:Vpc"
ROLE = "aws:iam/role:Role"
PROVIDER = {"urn": "urn:pulumi:prod::p::pulumi:providers:aws::default", "type": "pulumi:providers:aws", "id": "1"}


def recorded(kind: str, identifier: str, **fields: Any) -> dict[str, Any]:
    """Return an entry of a state."""
    return {"urn": f"urn:pulumi:prod::p::{kind}::name", "type": kind, "id": identifier, "custom": True, **fields}


@dataclass(frozen=True, kw_only=True)
class RecordedStack(StackEngine):
    """A stack whose state is in memory, on the mocked account."""

    folder: Path
    session: boto3.Session
    resources: list[dict[str, Any]] = field(default_factory=lambda: [PROVIDER])

    @property
    def stack_name(self) -> str:
        return "prod"

    @property
    def engine_version(self) -> str:
        raise NotImplementedError

    @property
    def work_folder(self) -> Path:
        return self.folder / "work"

    def process_environment(self) -> dict[str, str]:
        raise NotImplementedError

    def read_deployment(self) -> dict[str, Any]:
        return {"resources": self.resources}

    def recover_stack(self) -> bool:
        return False

    def query_text(self, *arguments: str) -> str:
        if arguments[:2] == ("stack", "import"):
            self.resources[:] = json.loads(Path(arguments[3]).read_text())["deployment"]["resources"]
            return ""
        assert arguments == ("stack", "export")
        return json.dumps({"version": 3, "deployment": {"resources": self.resources}})

    def _repair_of_lock(self) -> str:
        raise NotImplementedError

    def _repair_of_silence(self) -> str:
        raise NotImplementedError


@pytest.fixture
def stack(tmp_path: Path, one_image: None) -> Iterator[RecordedStack]:  # noqa: ARG001
    with mock_aws():
        session = boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
        yield RecordedStack(folder=tmp_path, session=session)


def guard(stack: RecordedStack) -> RefreshGuard:
    return RefreshGuard(engine=stack, connect=lambda: AwsAccount(session=stack.session))


def made(stack: RecordedStack, kind: str) -> str:
    """Create a resource in the account, and return its ID."""
    if kind in (BUCKET, BUCKET_POLICY):
        where = {"LocationConstraint": REGION}
        stack.session.client("s3").create_bucket(Bucket="a-bucket", CreateBucketConfiguration=where)
        return "a-bucket"
    if kind == KEY:
        return str(stack.session.client("kms").create_key()["KeyMetadata"]["KeyId"])
    return str(stack.session.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def drops(stack: RecordedStack, kind: str) -> Callable[[], None]:
    """Return a refresh that drops a kind of resource."""

    def run() -> None:
        stack.resources[:] = [resource for resource in stack.resources if resource["type"] != kind]

    return run


def answer(stack: RecordedStack, service: str, status: int) -> None:
    """Make a service of AWS answer every call with a status."""

    def respond(request: Any, **_: Any) -> AWSResponse:
        raw: Any = BytesIO(b"")
        raw.stream = lambda **_: iter(())
        return AWSResponse(request.url, status, {}, raw)

    stack.session.events.register_first(f"before-send.{service}", respond)


@pytest.mark.parametrize("kind", [BUCKET, KEY, VPC])
@pytest.mark.parametrize("protect", [True, False])
def test_a_resource_that_aws_still_has_stays_in_the_state(stack: RecordedStack, kind: str, *, protect: bool) -> None:
    stack.resources.append(recorded(kind, made(stack, kind), protect=protect))
    before = copy.deepcopy(stack.resources)

    with pytest.raises(UserError, match="AWS has it") as refused:
        guard(stack).refresh(drops(stack, kind))

    assert stack.resources == before
    assert ("protected" in refused.value.problem.splitlines()[1]) is protect
    assert "find out why AWS answers so" in refused.value.repair
    assert list(stack.work_folder.iterdir()) == []


@pytest.mark.parametrize("status", [400, 403, 405])
def test_a_resource_for_which_aws_returns_an_error_stays_in_the_state(stack: RecordedStack, status: int) -> None:
    stack.resources.append(recorded(BUCKET, "a-bucket"))
    before = copy.deepcopy(stack.resources)
    answer(stack, "s3", status)

    with pytest.raises(UserError, match=f"name .*a-bucket.*: AWS refused s3:HeadBucket of a-bucket.*{status}"):
        guard(stack).refresh(drops(stack, BUCKET))

    assert stack.resources == before


@pytest.mark.parametrize("kind, identifier", [(BUCKET, "a-bucket"), (KEY, "a" * 36), (VPC, "vpc-1"), (ROLE, "role")])
def test_a_deleted_resource_leaves_the_state_unless_it_is_protected(
    stack: RecordedStack, kind: str, identifier: str
) -> None:
    stack.resources.append(recorded(kind, identifier))
    guard(stack).refresh(drops(stack, kind))
    assert stack.resources == [PROVIDER]

    stack.resources.append(recorded(kind, identifier, protect=True))
    with pytest.raises(UserError, match="protected; AWS") as refused:
        guard(stack).refresh(drops(stack, kind))
    assert len(stack.resources) == 2
    assert ("`pulumi state unprotect --stack prod '" in refused.value.repair) is (kind != ROLE)


def test_a_key_that_is_scheduled_for_deletion_counts_as_gone(stack: RecordedStack) -> None:
    key = made(stack, KEY)
    stack.session.client("kms").schedule_key_deletion(KeyId=key)
    stack.resources.append(recorded(KEY, key))
    guard(stack).refresh(drops(stack, KEY))
    assert stack.resources == [PROVIDER]


def test_a_protected_buckets_policy_may_leave_the_state_since_the_next_deployment_restores_it(
    stack: RecordedStack,
) -> None:
    stack.resources.append(recorded(BUCKET_POLICY, made(stack, BUCKET), protect=True))
    guard(stack).refresh(drops(stack, BUCKET_POLICY))
    assert stack.resources == [PROVIDER]


def test_a_protected_buckets_policy_stays_if_the_bucket_cannot_be_read(stack: RecordedStack) -> None:
    stack.resources.append(recorded(BUCKET_POLICY, "a-bucket", protect=True))
    answer(stack, "s3", 403)
    with pytest.raises(UserError, match=r"protected; AWS refused s3:HeadBucket .*403"):
        guard(stack).refresh(drops(stack, BUCKET_POLICY))
    assert len(stack.resources) == 2


def test_a_refresh_that_fails_halfway_loses_nothing_either(stack: RecordedStack) -> None:
    stack.resources.append(recorded(BUCKET, made(stack, BUCKET)))

    def fails() -> None:
        drops(stack, BUCKET)()
        raise EngineError(operation="refresh", status=1)

    with pytest.raises(UserError, match="AWS has it"):
        guard(stack).refresh(fails)
    assert len(stack.resources) == 2


def dies_in_a_refresh(stack: RecordedStack, kind: str) -> None:
    """Refresh with a command that is killed before it checks the dropped resources."""
    state = json.loads(stack.query_text("stack", "export"))
    guard(stack).kept.parent.mkdir()
    guard(stack).kept.write_text(json.dumps(state))
    drops(stack, kind)()


def test_the_next_command_restores_the_losses_of_a_refresh_whose_command_died(stack: RecordedStack) -> None:
    stack.resources.append(recorded(BUCKET, made(stack, BUCKET), protect=True))
    dies_in_a_refresh(stack, BUCKET)

    with pytest.raises(UserError, match="protected; AWS has it"):
        guard(stack).settle()
    assert len(stack.resources) == 2
    guard(stack).settle()


def test_the_state_from_before_a_refresh_does_not_undo_a_later_deployment(
    stack: RecordedStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.resources.append(recorded(BUCKET, made(stack, BUCKET), protect=True))
    dies_in_a_refresh(stack, BUCKET)
    stack.resources.append(recorded(ROLE, "made since"))

    guard(stack).settle()

    assert [resource["id"] for resource in stack.resources] == ["1", "made since"]
    assert "has changed since a refresh that died" in capsys.readouterr().err
    assert [path.name for path in stack.work_folder.iterdir()] == ["before-refresh-prod.old.json"]


def test_the_state_from_before_a_refresh_is_readable_only_by_its_user(stack: RecordedStack) -> None:
    modes = []
    guard(stack).refresh(lambda: modes.append(guard(stack).kept.stat().st_mode & 0o777))
    assert modes == [0o600]


def step(operation: str, kind: str, name: str, *, protect: bool) -> dict[str, Any]:
    """Return a step of a preview."""
    inputs = {"bucket": name, "tags": {"Name": name}}
    new = {"urn": f"urn::{name}", "type": kind, "custom": True, "inputs": inputs, "protect": protect, "outputs": {}}
    return {"op": operation, "urn": new["urn"], "newState": new}


def test_a_protected_resource_is_never_deleted_as_an_orphan() -> None:
    preview = {
        "steps": [
            step("create", BUCKET, "state", protect=True),
            step("same", KEY, "key", protect=True),
            step("create", BUCKET, "cache", protect=False),
            {"op": "delete", "urn": "urn::old", "oldState": {}},
        ]
    }
    protected = read_protected(preview)

    lost, doubled, other, elsewhere = (
        TaggedResource(type=kind, id="an-id", name=name)
        for kind, name in ((BUCKET, "state"), (KEY, "key"), (BUCKET, "cache"), (KEY, "state"))
    )
    assert (protected.includes(lost), protected.has_lost(lost)) == (True, True)
    assert (protected.includes(doubled), protected.has_lost(doubled)) == (True, False)
    assert not protected.includes(other)
    assert not protected.includes(elsewhere)
    assert protected.lost[BUCKET, "state"] == {
        "urn": "urn::state",
        "type": BUCKET,
        "custom": True,
        "inputs": {"bucket": "state", "tags": {"Name": "state"}},
        "protect": True,
    }
