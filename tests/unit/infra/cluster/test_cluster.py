"""Each node group is one launch template and one Auto Scaling group, whatever its size."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pytest

from infra.boot import nodes as boot
from infra.cluster.cluster import Cluster, ClusterArgs
from infra.config.node_groups import NodeGroup, default_groups
from infra.network.node_network import NodeNetwork
from infra.schedules.schedule import Calendar
from tests.unit.infra.conftest import secured_stack

if TYPE_CHECKING:
    from infra.tags import Tags
    from tests.unit.infra.conftest import Declare, Recorder

KEY = "arn:aws:kms:us-west-2::key/key"
IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
CALENDAR = Calendar(time_zone="America/Los_Angeles", start=time(8), stop=time(18))
NAMES = ["storage-a", "storage-b", "fuse-client", "nfs-client", "conduit", "jepsen"]


def declared(
    declare: Declare, tags: Tags, *, groups: tuple[NodeGroup, ...] = default_groups(5), public: bool = False
) -> Recorder:
    def program() -> pulumi.Output[str]:
        known = pulumi.Output.from_input
        args = ClusterArgs(
            groups=groups,
            image_parameter=IMAGE,
            network=NodeNetwork(
                subnet_ids={"A": [known("subnet-a"), known("subnet-c")], "B": [known("subnet-b")]},
                security_group_ids={"storage": known("sg-storage"), "client": known("sg-client")},
                assigns_public_ips=public,
                way_out=[],
            ),
            instance_profile=known("claudefs-test-node"),
            artifact_bucket=known("artifacts"),
            repository="owner/claudefs",
            calendar=CALENDAR,
            now=datetime(2026, 3, 2, 12, tzinfo=UTC),
            stack=secured_stack(tags, key_arn=KEY),
        )
        return Cluster("cluster", args=args).log_group

    return declare(program)


@pytest.fixture(scope="module")
def recorder(declare: Declare, tags: Tags) -> Recorder:
    return declared(declare, tags)


def types(recorder: Recorder) -> Counter[str]:
    return Counter(of.type for of in recorder.custom)


@pytest.mark.parametrize("name", NAMES)
def test_a_group_is_made_with_nothing_to_run_and_left_alone_then(recorder: Recorder, name: str) -> None:
    group = recorder.one("Group", name)

    assert (group.inputs["minSize"], group.inputs["desiredCapacity"]) == (0, 0)
    assert set(group.ignore_changes) == {"minSize", "maxSize", "desiredCapacity", "suspendedProcesses"}
    assert (group.inputs["waitForCapacityTimeout"], group.inputs["forceDelete"]) == ("0", True)
    assert group.inputs["name"] == f"claudefs-test-{name}"
    assert recorder.outputs["cluster"]["groupNames"][name] == group.inputs["name"]


def test_storage_is_replaced_only_when_it_is_gone_and_stays_in_the_zones_of_its_site(recorder: Recorder) -> None:
    for name, subnets, count in (("storage-a", ["subnet-a", "subnet-c"], 3), ("storage-b", ["subnet-b"], 2)):
        group = recorder.one("Group", name).inputs
        assert group["vpcZoneIdentifiers"] == subnets
        assert (group["maxSize"], group["capacityRebalance"]) == (count, False)
        assert group["suspendedProcesses"] == ["AZRebalance"]


@pytest.mark.parametrize("name", ["fuse-client", "nfs-client", "conduit"])
def test_a_node_that_holds_nothing_is_replaced_before_it_goes(recorder: Recorder, name: str) -> None:
    group = recorder.one("Group", name).inputs

    assert (group["maxSize"], group["capacityRebalance"]) == (2, True)


def test_spot_is_in_the_groups_distribution_alone(declare: Declare, tags: Tags) -> None:
    shares = ((0, 0), (2, 0), (1, 50), (0, 100))
    groups = tuple(
        replace(of, on_demand_base=base, on_demand_percent=percent)
        for of, (base, percent) in zip(default_groups(5), shares, strict=False)
    )
    recorder = declared(declare, tags, groups=groups)

    assert len(groups) == len(shares)
    for of, (base, percent) in zip(groups, shares, strict=True):
        policy = recorder.one("Group", of.name).inputs["mixedInstancesPolicy"]
        assert policy["instancesDistribution"] == {
            "onDemandAllocationStrategy": "prioritized",
            "onDemandBaseCapacity": base,
            "onDemandPercentageAboveBaseCapacity": percent,
            "spotAllocationStrategy": "price-capacity-optimized",
        }
        assert [each["instanceType"] for each in policy["launchTemplate"]["overrides"]] == list(of.instance_types)
        template = recorder.one("LaunchTemplate", of.name).inputs
        assert not template.keys() & {"instanceMarketOptions", "instanceType", "instanceRequirements", "keyName"}


def test_burstable_nodes_never_spend_more_than_their_credits(recorder: Recorder) -> None:
    credit = {name: recorder.one("LaunchTemplate", name).inputs.get("creditSpecification") for name in NAMES}
    assert {name: each for name, each in credit.items() if each} == {"conduit": {"cpuCredits": "standard"}}


def test_a_group_launches_the_newest_version_of_its_own_template_by_its_number(recorder: Recorder) -> None:
    for name in NAMES:
        policy = recorder.one("Group", name).inputs["mixedInstancesPolicy"]
        assert policy["launchTemplate"]["launchTemplateSpecification"] == {
            "launchTemplateId": f"launch-template-{name}",
            "version": "7",
        }
        assert "instanceRefresh" not in recorder.one("Group", name).inputs


@pytest.mark.parametrize("name, disk", [("storage-a", 50), ("fuse-client", 50), ("conduit", 20), ("jepsen", 50)])
def test_a_node_has_one_encrypted_disk_beside_its_local_ones(recorder: Recorder, name: str, disk: int) -> None:
    [mapping] = recorder.one("LaunchTemplate", name).inputs["blockDeviceMappings"]

    assert mapping == {
        "deviceName": "/dev/sda1",
        "ebs": {
            "volumeType": "gp3",
            "volumeSize": disk,
            "encrypted": "true",
            "kmsKeyId": KEY,
            "deleteOnTermination": "true",
        },
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_node_answers_imdsv2_alone_and_is_named_by_its_id(recorder: Recorder, name: str) -> None:
    template = recorder.one("LaunchTemplate", name).inputs

    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    assert template["privateDnsNameOptions"] == {"hostnameType": "resource-name", "enableResourceNameDnsARecord": True}
    assert template["iamInstanceProfile"] == {"name": "claudefs-test-node"}
    assert template["imageId"] == f"resolve:ssm:{IMAGE}"
    assert template["updateDefaultVersion"] is True


@pytest.mark.parametrize("name", NAMES)
def test_a_node_boots_with_the_profile_of_its_role(recorder: Recorder, name: str) -> None:
    group = next(of for of in default_groups(5) if of.name == name)

    assert recorder.one("LaunchTemplate", name).inputs["userData"] == boot.node_user_data(
        boot.NodeMachine(
            profile=group.role,
            environment="test",
            region="us-west-2",
            site=group.site,
            node_group=name,
            log_group="/cfs/test/nodes",
            artifact_bucket="artifacts",
            repository="owner/claudefs",
        )
    )


def test_a_node_has_a_public_address_only_where_that_is_its_way_out(
    declare: Declare, tags: Tags, recorder: Recorder
) -> None:
    for found, address in ((recorder, "false"), (declared(declare, tags, public=True), "true")):
        for name, security_group in (("storage-a", "sg-storage"), ("conduit", "sg-storage"), ("jepsen", "sg-client")):
            [interface] = found.one("LaunchTemplate", name).inputs["networkInterfaces"]
            assert interface["associatePublicIpAddress"] == address
            assert interface["securityGroups"] == [security_group]


@pytest.mark.parametrize("name, role, site", [("storage-b", "storage", "B"), ("conduit", "conduit", "A")])
def test_nodes_and_what_comes_with_them_have_the_groups_tags(
    recorder: Recorder, tags: Tags, name: str, role: Any, site: Any
) -> None:
    expected = {**tags.for_resource(name, role=role, site=site), "NodeGroup": name}
    template = recorder.one("LaunchTemplate", name)
    group = recorder.one("Group", name)

    assert {of["resourceType"]: of["tags"] for of in template.inputs["tagSpecifications"]} == dict.fromkeys(
        ("instance", "volume", "network-interface"), expected
    )
    assert template.tags == expected
    propagated = {tag["key"]: tag["value"] for tag in group.inputs["tags"] if tag["propagateAtLaunch"]}
    assert propagated == expected


def test_only_the_group_says_how_many_nodes_it_has(recorder: Recorder) -> None:
    own = [tag for tag in recorder.one("Group", "storage-a").inputs["tags"] if not tag["propagateAtLaunch"]]

    assert own == [{"key": "Nodes", "value": "3", "propagateAtLaunch": False}]


def test_the_schedule_starts_every_node_of_a_group_and_stops_them_all(recorder: Recorder) -> None:
    actions = {action: recorder.one("Schedule", f"storage-a-{action}").inputs for action in ("start", "stop")}
    sizes = {
        action: {key: inputs[key] for key in ("minSize", "maxSize", "desiredCapacity")}
        for action, inputs in actions.items()
    }

    assert sizes == {
        "start": {"minSize": 0, "maxSize": 3, "desiredCapacity": 3},
        "stop": {"minSize": 0, "maxSize": -1, "desiredCapacity": 0},
    }


def test_a_group_keeps_hours_of_its_own(declare: Declare, tags: Tags) -> None:
    by_hand, early = default_groups(5)[:2]
    groups = (replace(by_hand, start="none"), replace(early, start=time(6, 30), stop=time(12)))
    recorder = declared(declare, tags, groups=groups)

    assert {of.name: of.inputs["recurrence"] for of in recorder.of("Schedule")} == {
        "storage-a-stop": "0 18 * * *",
        "storage-b-start": "30 6 * * 1-5",
        "storage-b-stop": "0 12 * * *",
    }


def test_the_number_of_resources_is_that_of_the_groups_whatever_their_sizes(
    declare: Declare, tags: Tags, recorder: Recorder
) -> None:
    sizes = (0, 1, 500, 500, 1, 0)
    groups = tuple(replace(of, count=count) for of, count in zip(default_groups(5), sizes, strict=True))
    resized = declared(declare, tags, groups=groups)

    assert types(resized) == types(recorder)
    assert (
        types(recorder)["aws:autoscaling/group:Group"] == types(recorder)["aws:ec2/launchTemplate:LaunchTemplate"] == 6
    )


def test_logs_are_encrypted_and_kept_as_long_as_the_settings_say(recorder: Recorder) -> None:
    logs = recorder.one("LogGroup")

    assert (logs.inputs["name"], logs.inputs["kmsKeyId"], logs.inputs["retentionInDays"]) == (
        "/cfs/test/nodes",
        KEY,
        30,
    )
    assert recorder.result == "/cfs/test/nodes"


def test_arguments_are_frozen_and_keyword_only() -> None:
    assert all(field.kw_only for field in fields(ClusterArgs))
    assert cast("Any", ClusterArgs).__dataclass_params__.frozen
