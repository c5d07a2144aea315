"""The rights of `cfs deploy` cover exactly its calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from cfs.deploy import publish
from cfs.deploy.environment_status import read_environment_status
from cfs.deploy.outcome_metric import put_outcome
from cfs.deploy.publish import BuildSource
from infra.access.release_grants import release_grants
from infra.access.statements import render_policy
from infra.scope import SecuredScope
from local.aws.iam.evaluation import policy_allows
from tests.unit.cfs.deploy.conftest import ENVIRONMENT, REGION, client, console_aws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.cfs.deploy.conftest import Wire, World

ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/key"
SCOPE = SecuredScope(account_id=ACCOUNT_ID, region=REGION, environment=ENVIRONMENT, key_arn=KEY)
POLICY = render_policy(*release_grants(SCOPE))
OBJECTS = SCOPE.artifact_bucket_arn
OURS = {"ssm:resourceTag/project": "claudefs", "ssm:resourceTag/Environment": ENVIRONMENT}

Request = tuple[str, str, tuple[tuple[str, str], ...]]
"""Action, resource ARN, and condition keys of a request."""

INDIRECT = {"s3:ListBucket", "kms:Decrypt", "kms:GenerateDataKey"}
"""Actions that S3 requires of other calls: to answer that an object does not exist, and for encryption."""


def requests(operation: str, asked: dict[str, Any]) -> Iterator[Request]:
    """Yield the requests that IAM evaluates for a call."""
    if operation.startswith("s3:"):
        keys = {"IfNoneMatch": "s3:if-none-match", "IfMatch": "s3:if-match"}
        context = tuple((key, asked[name]) for name, key in keys.items() if name in asked)
        yield operation, f"{OBJECTS}/{asked['Key']}", context
    elif operation == "cloudwatch:PutMetricData":
        yield operation, "*", (("cloudwatch:namespace", asked["Namespace"]),)
    elif operation == "ssm:SendCommand":
        yield operation, f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:document/{asked['DocumentName']}", ()
        for node in asked["InstanceIds"]:
            yield operation, instance(node), tuple(OURS.items())
    else:
        yield operation, "*", ()


def instance(node: str) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{node}"


def everything(world: World, folder: Path) -> None:
    """Publish, roll out, fail with and without a previous version, roll back, and read the status."""
    (folder / "SHA256SUMS").write_text(f"{publish._file_sha256(tarball(folder))}  claudefs-x86_64.tar.zst\n")  # noqa: SLF001
    built = publish.find_tarballs(folder)
    source = BuildSource(
        version="v1.0.0",
        commit="a" * 40,
        repository="owner/claudefs",
        signer_workflow=".github/workflows/release-build.yml",
    )
    store = world.means().store
    for _ in range(2):
        first = publish.upload_release(store, built, publish.describe_release(built, source)).target
    (node,) = world.launch("storage", site="A", fault="probe:v1.0.0")
    assert world.roll_out(first).result == "returned"
    world.fault(node, "probe:v1.2.0")
    assert world.roll_out(first).result == "done"
    assert world.roll_out(world.published("v1.1.0")).result == "done"
    assert world.roll_out(world.published("v1.2.0")).result == "returned"
    assert world.roll_back().result == "done"
    means = world.means()
    put_outcome(console_aws(), ENVIRONMENT, has_failed=True, failed_probes=1)
    read_environment_status(means.store, means.nodes, environment=ENVIRONMENT, now=world.clock.now())


def tarball(folder: Path) -> Path:
    path = folder / "claudefs-x86_64.tar.zst"
    path.write_bytes(b"binaries")
    path.with_name(f"{path.name}.sigstore.json").write_text("{}")
    return path


@pytest.fixture
def called(world: World, wire: Wire, tmp_path: Path) -> set[Request]:
    seen: set[Request] = set()
    wire.before = lambda operation, asked: seen.update(requests(operation, asked))
    everything(world, tmp_path)
    return seen


def test_every_call_is_allowed(called: set[Request]) -> None:
    refused = [
        (action, arn) for action, arn, context in called if not policy_allows(POLICY, action, arn, dict(context))
    ]
    assert refused == []


def test_every_allowed_action_is_called(called: set[Request]) -> None:
    statements = json.loads(POLICY)["Statement"]
    allowed = {
        action
        for said in statements
        for action in (said["Action"] if isinstance(said["Action"], list) else [said["Action"]])
    }
    assert allowed - INDIRECT == {action for action, _, _ in called}
    assert allowed >= INDIRECT


@pytest.mark.parametrize(
    "action,arn,context",
    [
        # A release is never overwritten, whatever the condition.
        ("s3:PutObject", f"{OBJECTS}/releases/{'a' * 40}/release.json", {}),
        ("s3:PutObject", f"{OBJECTS}/releases/{'a' * 40}/release.json", {"s3:if-match": "etag"}),
        ("s3:PutObject", f"{OBJECTS}/environments/{ENVIRONMENT}/version.json", {}),
        ("s3:PutObject", f"{OBJECTS}/environments/prod/version.json", {"s3:if-match": "etag"}),
        ("s3:PutObject", f"{OBJECTS}/environments/prod/version.json", {"s3:if-none-match": "*"}),
        ("s3:DeleteObject", f"{OBJECTS}/releases/{'a' * 40}/release.json", {}),
        ("ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript", {}),
        ("ssm:SendCommand", f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:document/claudefs-prod-install", {}),
        ("ssm:SendCommand", instance("i-other"), {**OURS, "ssm:resourceTag/Environment": "prod"}),
        ("ssm:SendCommand", instance("i-other"), {}),
    ],
)
def test_requests_that_a_deployment_must_not_make_are_refused(action: str, arn: str, context: dict[str, str]) -> None:
    assert not policy_allows(POLICY, action, arn, context)


def test_the_emulated_account_receives_the_same_calls(
    emulated_world: World, wire: Wire, tmp_path: Path, called: set[Request]
) -> None:
    wire.memory = None
    seen: set[Request] = set()
    wire.before = lambda operation, asked: seen.update(requests(operation, asked))
    everything(emulated_world, tmp_path)
    assert {action for action, _, _ in seen} == {action for action, _, _ in called}
    assert client("s3").meta.region_name == REGION
