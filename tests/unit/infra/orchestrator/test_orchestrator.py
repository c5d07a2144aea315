"""The orchestrator's machine is encrypted, closed, and never replaced by accident."""

from __future__ import annotations

import base64
import gzip
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pytest

from infra.network.node_network import NodeNetwork
from infra.orchestrator.orchestrator import Orchestrator, OrchestratorArgs
from tests.unit.infra.conftest import secured_stack

if TYPE_CHECKING:
    from infra.tags import Tags
    from tests.unit.infra.conftest import Declare, Recorder, Resource

REGION = "us-west-2"
IMAGE_PARAMETER = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
KEY = "arn:aws:kms:us-west-2::key/key"


def declared(declare: Declare, tags: Tags, *, protected: bool = True, public: bool = False) -> Recorder:
    def program() -> pulumi.Output[str]:
        known = pulumi.Output.from_input
        args = OrchestratorArgs(
            instance_type="c7a.2xlarge",
            disk_gib=100,
            image_parameter=IMAGE_PARAMETER,
            network=NodeNetwork(
                subnet_ids={"A": [known("subnet-1")]},
                security_group_ids={"orchestrator": known("sg-1")},
                assigns_public_ips=public,
                way_out=[],
            ),
            instance_profile=known("claudefs-test-orchestrator"),
            repository="owner/claudefs",
            protected=protected,
            stack=secured_stack(tags, key_arn=KEY),
        )
        return Orchestrator("orchestrator", args=args).instance_id

    return declare(program)


@pytest.fixture(scope="module")
def recorder(declare: Declare, tags: Tags) -> Recorder:
    return declared(declare, tags)


@pytest.fixture
def instance(recorder: Recorder) -> Resource:
    return recorder.one("Instance")


def test_its_disk_is_gp3_and_encrypted_with_the_stacks_key(instance: Resource) -> None:
    disk = instance.inputs["rootBlockDevice"]
    assert (disk["volumeType"], disk["volumeSize"], disk["encrypted"], disk["kmsKeyId"]) == ("gp3", 100, True, KEY)
    assert "tags" not in disk
    assert instance.inputs["volumeTags"] == instance.tags


def test_it_answers_imdsv2_alone_and_no_container_behind_it(instance: Resource) -> None:
    assert instance.inputs["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }


@pytest.mark.parametrize("public", [True, False])
def test_the_argument_alone_gives_it_a_public_address(declare: Declare, tags: Tags, *, public: bool) -> None:
    assert declared(declare, tags, public=public).one("Instance").inputs["associatePublicIpAddress"] is public


@pytest.mark.parametrize("protected", [True, False])
def test_protection_is_pulumis_and_ec2s_at_once(declare: Declare, tags: Tags, *, protected: bool) -> None:
    instance = declared(declare, tags, protected=protected).one("Instance")
    assert (instance.protect, instance.inputs["disableApiTermination"]) == (protected, protected)


def test_neither_a_new_image_nor_new_user_data_touches_it(instance: Resource) -> None:
    assert set(instance.ignore_changes) == {"ami", "userData", "userDataBase64"}
    assert instance.inputs["userDataReplaceOnChange"] is False


def test_it_is_on_demand_and_has_no_ssh_key(instance: Resource) -> None:
    assert not {"instanceMarketOptions", "keyName", "spotPrice", "userData"} & set(instance.inputs)


def test_its_place_and_identity_are_given(instance: Resource) -> None:
    assert instance.inputs["subnetId"] == "subnet-1"
    assert instance.inputs["vpcSecurityGroupIds"] == ["sg-1"]
    assert instance.inputs["iamInstanceProfile"] == "claudefs-test-orchestrator"
    assert instance.inputs["monitoring"] is False


def test_its_image_is_what_canonicals_parameter_names(recorder: Recorder, instance: Resource) -> None:
    (look_up,) = recorder.invokes
    assert (look_up.token, look_up.args["name"]) == ("aws:ssm/getParameter:getParameter", IMAGE_PARAMETER)
    assert instance.inputs["ami"] == recorder.outputs["orchestrator"]["imageId"]


def test_its_user_data_knows_the_stack(instance: Resource) -> None:
    user_data = gzip.decompress(base64.b64decode(instance.inputs["userDataBase64"])).decode()
    assert user_data.startswith("#cloud-config\n")
    for fact in ("CFS_ENVIRONMENT=test", "AWS_REGION=us-west-2", "CFS_REPOSITORY=owner/claudefs"):
        assert fact in user_data


def test_its_logs_are_encrypted_kept_as_set_and_named_in_user_data(recorder: Recorder, instance: Resource) -> None:
    logs = recorder.one("LogGroup")
    assert (logs.inputs["name"], logs.inputs["retentionInDays"]) == ("/cfs/test/orchestrator", 30)
    assert logs.inputs["kmsKeyId"] == KEY
    assert (
        "CFS_LOG_GROUP=/cfs/test/orchestrator"
        in gzip.decompress(base64.b64decode(instance.inputs["userDataBase64"])).decode()
    )


def test_outputs_tell_where_it_is(recorder: Recorder) -> None:
    outputs = recorder.outputs["orchestrator"]
    assert set(outputs) == {"instanceId", "privateIp", "publicIp", "imageId", "logGroup"}
    assert outputs["instanceId"] == recorder.result
    assert outputs["logGroup"] == "/cfs/test/orchestrator"


def test_what_it_declares_is_its_own_child(recorder: Recorder) -> None:
    assert {of.type for of in recorder.custom} == {
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:ec2/instance:Instance",
    }
    assert {of.parent for of in recorder.custom} == {"orchestrator"}


def test_arguments_are_frozen_and_keyword_only() -> None:
    assert all(field.kw_only for field in fields(OrchestratorArgs))
    assert cast("Any", OrchestratorArgs).__dataclass_params__.frozen
