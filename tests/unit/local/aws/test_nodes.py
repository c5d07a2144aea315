"""The emulated account's nodes where they are more than a stand-in for a good day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2 import ec2_backends

from infra.cluster.node_commands import NODE_COMMANDS
from infra.storage.bucket_rules import bucket_policy
from local.aws.gaps import nodes, s3
from local.aws.iam.gate import ACCOUNT_GATE
from local.aws.nodes import boot_node
from tests.conftest import IMAGE
from tests.mocked_clients import mocked_client

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-west-2"
BUCKET = f"claudefs-local-artifacts-{DEFAULT_ACCOUNT_ID}-{REGION}"
TAGS = {"project": "claudefs", "Environment": "local", "NodeGroup": "storage-a", "Role": "storage"}


@pytest.fixture(autouse=True)
def account(one_image: None) -> Iterator[None]:  # noqa: ARG001
    with mock_aws():
        nodes.close_node_gaps()
        s3.close_s3_gaps()
        mocked_client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield


def launch(*, profile: str = "", **more: str) -> str:
    given = [{"Key": key, "Value": value} for key, value in (TAGS | more).items()]
    started: str = mocked_client("ec2").run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": given}],
        **({"IamInstanceProfile": {"Name": profile}} if profile else {}),
    )["Instances"][0]["InstanceId"]
    return started


def tags(node: str) -> dict[str, str]:
    listed = mocked_client("ec2").describe_instances(InstanceIds=[node])["Reservations"][0]["Instances"][0]["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed}


def test_a_node_whose_release_is_gone_fails_to_boot() -> None:
    pointer = json.dumps({"release": f"releases/{'a' * 40}/release.json"})
    mocked_client("s3").put_object(Bucket=BUCKET, Key="environments/local/version.json", Body=pointer)
    assert tags(launch())["BootState"] == "failed:release"


def test_a_node_reads_releases_under_the_role_of_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    release = f"releases/{'a' * 40}/release.json"
    for key, body in (("environments/local/version.json", {"release": release}), (release, {"version": "v1.0.0"})):
        mocked_client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(body))
    by_ec2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam, trust = mocked_client("iam"), json.dumps({"Version": "2012-10-17", "Statement": by_ec2})
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=trust)
    iam.create_instance_profile(InstanceProfileName="node")
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    monkeypatch.setattr(ACCOUNT_GATE, "enforced", True)

    node = launch(profile="node")
    instance = ec2_backends[DEFAULT_ACCOUNT_ID][REGION].get_instance(node)
    boot_node(instance)
    assert tags(node)["Version"] == "none"
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": read})
    iam.put_role_policy(RoleName="node", PolicyName="read", PolicyDocument=policy)
    boot_node(instance)
    assert tags(node)["Version"] == "v1.0.0"


def test_an_instance_of_no_group_does_not_boot() -> None:
    given = {key: value for key, value in TAGS.items() if key != "NodeGroup"}
    node = mocked_client("ec2").run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in given.items()]}
        ],
    )["Instances"][0]["InstanceId"]
    assert "BootState" not in tags(node)


def document() -> None:
    mocked_client("ssm").create_document(
        Name="claudefs-local-probe",
        DocumentType="Command",
        DocumentFormat="JSON",
        Content=NODE_COMMANDS["probe"].document_content(),
    )


def probe(node: str, **parameters: list[str]) -> Any:
    return mocked_client("ssm").send_command(
        DocumentName="claudefs-local-probe",
        InstanceIds=[node],
        Parameters=parameters or {"ExpectedVersion": ["v1.0.0"]},
    )


def test_a_document_that_is_not_there_is_refused() -> None:
    with pytest.raises(ClientError, match="InvalidDocument"):
        probe(launch())


@pytest.mark.parametrize(
    "parameters",
    [{"ExpectedVersion": ["v1; reboot"]}, {"Other": ["x"]}, {"ExpectedVersion": ["v1.0.0"], "Other": ["x"]}],
)
def test_parameters_that_the_document_does_not_declare_so_are_refused(parameters: dict[str, list[str]]) -> None:
    document()
    with pytest.raises(ClientError, match="InvalidParameters"):
        probe(launch(), **parameters)


@pytest.mark.parametrize("state", ["gone", "unreachable"])
def test_a_node_that_is_not_reached_makes_the_whole_call_fail(state: str) -> None:
    document()
    node = launch(EmulatedFault=state)
    if state == "gone":
        mocked_client("ec2").terminate_instances(InstanceIds=[node])
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        probe(node)


def test_a_command_runs_on_the_nodes_that_it_names_alone() -> None:
    document()
    node, _ = launch(), launch()
    command = probe(node)["Command"]["CommandId"]
    listed = mocked_client("ssm").list_command_invocations(CommandId=command, Details=True)["CommandInvocations"]
    assert [(one["InstanceId"], one["Status"]) for one in listed] == [(node, "Failed")]
    assert listed[0]["CommandPlugins"][0]["Output"] == "wrong: the release is none, not v1.0.0"


def test_other_peoples_documents_do_nothing() -> None:
    sent = mocked_client("ssm").send_command(DocumentName="AWS-RunShellScript", InstanceIds=[launch()])
    assert sent["Command"]["Status"] == "Success"


def test_a_bucket_that_asks_for_tls_is_reached_without_here() -> None:
    mocked_client("s3").put_bucket_policy(
        Bucket=BUCKET, Policy=bucket_policy(f"arn:aws:s3:::{BUCKET}", "arn:aws:kms:::key/k")
    )
    mocked_client("s3").put_object(Bucket=BUCKET, Key="key", Body=b"body")
    assert mocked_client("s3").get_object(Bucket=BUCKET, Key="key")["Body"].read() == b"body"
