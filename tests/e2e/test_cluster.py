"""The node groups on the real engine: what they hold, what they keep, and what resizing them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cfs.engine import EngineError

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack

GROUPS = {
    "storage-a": ("storage", "A", 3),
    "storage-b": ("storage", "B", 2),
    "fuse-client": ("client", "A", 1),
    "nfs-client": ("client", "A", 1),
    "conduit": ("conduit", "A", 1),
    "jepsen": ("jepsen", "A", 1),
}
"""Role, site and number of nodes by default."""


def asg(stack: Stack, group: str) -> dict[str, Any]:
    """Describe a node group's Auto Scaling group."""
    name = f"claudefs-local-{group}"
    [found] = stack.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    described: dict[str, Any] = found
    return described


def tags(described: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described["Tags"]}


def run_nodes(stack: Stack, group: str, count: int, *, most: int | None = None) -> list[dict[str, Any]]:
    """Start a group's nodes as an operator would, outside Pulumi, and describe them."""
    name = f"claudefs-local-{group}"
    sizes = {"MaxSize": most} if most is not None else {}
    stack.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=0, DesiredCapacity=count, **sizes
    )
    filters = [
        {"Name": "tag:aws:autoscaling:groupName", "Values": [name]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    reservations = stack.client("ec2").describe_instances(Filters=filters)["Reservations"]
    return [instance for reservation in reservations for instance in reservation["Instances"]]


def set_groups(stack: Stack, groups: dict[str, Any]) -> None:
    for name, fields in groups.items():
        for field, value in fields.items():
            stack.engine.query_text("config", "set", "--path", f"claudefs-infra:nodeGroups.{name}.{field}", str(value))


@pytest.mark.parametrize("group, role, site, nodes", [(name, *of) for name, of in GROUPS.items()])
def test_a_group_is_tagged_and_has_room_for_its_nodes_and_none_of_them_yet(
    deployed: Stack, group: str, role: str, site: str, nodes: int
) -> None:
    described = asg(deployed, group)

    assert (described["MinSize"], described["DesiredCapacity"], described["Instances"]) == (0, 0, [])
    assert described["MaxSize"] == nodes + (role in ("client", "conduit"))
    assert described["CapacityRebalance"] is (role in ("client", "conduit"))
    assert tags(described) == {
        "project": "claudefs",
        "Name": f"claudefs-local-{group}",
        "Environment": "local",
        "Role": role,
        "Site": site,
        "Owner": "claudefs-team",
        "ManagedBy": "pulumi",
        "NodeGroup": group,
        "Nodes": str(nodes),
    }
    assert [process["ProcessName"] for process in described["SuspendedProcesses"]] == ["AZRebalance"]
    assert deployed.outputs()["nodeGroups"][group] == described["AutoScalingGroupName"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_spans_the_subnets_of_its_own_site_and_no_others(deployed: Stack, group: str) -> None:
    spanned = set(asg(deployed, group)["VPCZoneIdentifier"].split(","))

    assert spanned == set(deployed.outputs()[f"site{GROUPS[group][1]}SubnetIds"])


def test_nodes_run_as_their_group_and_template_say_and_no_deployment_undoes_it(stack: Stack) -> None:
    nodes = run_nodes(stack, "storage-a", 3)

    assert {node["SubnetId"] for node in nodes} == set(stack.outputs()["siteASubnetIds"])
    for node in nodes:
        assert node["InstanceType"] == "i4i.2xlarge"
        assert node["InstanceLifecycle"] == "spot"
        assert node["ImageId"].startswith("ami-")
        assert "PublicIpAddress" not in node
        assert node["PrivateDnsName"] == f"{node['InstanceId']}.us-west-2.compute.internal"
        assert (node["MetadataOptions"]["HttpTokens"], node["MetadataOptions"]["HttpPutResponseHopLimit"]) == (
            "required",
            1,
        )
        assert [group["GroupId"] for group in node["SecurityGroups"]] == [stack.outputs()["storageSecurityGroupId"]]
        assert node["IamInstanceProfile"]["Arn"].endswith(f"/{stack.outputs()['nodeInstanceProfile']}")
        given = tags(node)
        assert (given["NodeGroup"], given["Role"], given["Site"]) == ("storage-a", "storage", "A")
        assert "Nodes" not in given
        [disk] = stack.client("ec2").describe_volumes(
            Filters=[{"Name": "attachment.instance-id", "Values": [node["InstanceId"]]}]
        )["Volumes"]
        assert (disk["Size"], disk["VolumeType"], disk["Encrypted"]) == (50, "gp3", True)
        assert disk["KmsKeyId"] == stack.outputs()["encryptionKeyArn"]
        assert tags(disk)["Environment"] == "local"

    assert stack.changes("--refresh") == {}
    stack.up()
    assert asg(stack, "storage-a")["DesiredCapacity"] == 3


def test_nodes_are_on_demand_as_far_as_settings_say(stack: Stack) -> None:
    set_groups(stack, {"storage-a": {"count": 7, "onDemandBase": 2, "onDemandPercent": 40}})
    stack.up()

    nodes = run_nodes(stack, "storage-a", 7, most=7)

    assert sorted(node.get("InstanceLifecycle", "on demand") for node in nodes) == ["on demand"] * 4 + ["spot"] * 3


def test_a_changed_template_shows_in_the_preview_and_reaches_new_nodes_alone(stack: Stack) -> None:
    [old] = run_nodes(stack, "fuse-client", 1, most=2)
    set_groups(stack, {"fuse-client": {"rootDiskGib": 80}})

    steps = stack.engine.query_json("preview", "--json")["steps"]
    changed = {step["urn"].rpartition("$")[2] for step in steps if step["op"] == "update"}
    stack.up()
    both = run_nodes(stack, "fuse-client", 2)

    assert changed == {"aws:ec2/launchTemplate:LaunchTemplate::fuse-client", "aws:autoscaling/group:Group::fuse-client"}
    [new] = [node for node in both if node["InstanceId"] != old["InstanceId"]]
    assert [node["InstanceId"] for node in both if node is not new] == [old["InstanceId"]]
    sizes = {
        node["InstanceId"]: stack.client("ec2").describe_volumes(
            Filters=[{"Name": "attachment.instance-id", "Values": [node["InstanceId"]]}]
        )["Volumes"][0]["Size"]
        for node in both
    }
    assert sizes == {old["InstanceId"]: 50, new["InstanceId"]: 80}
    assert stack.changes("--refresh") == {}


def test_500_nodes_are_a_change_of_settings_and_of_no_resources_number(stack: Stack) -> None:
    before = len(stack.resources())
    set_groups(stack, {"storage-a": {"count": 300}, "storage-b": {"count": 200}})

    stack.up()

    assert len(stack.resources()) == before
    assert [tags(asg(stack, group))["Nodes"] for group in ("storage-a", "storage-b")] == ["300", "200"]
    assert stack.changes("--refresh") == {}


def test_a_group_more_is_three_lines_of_settings_and_one_less_is_deleted_with_its_nodes(stack: Stack) -> None:
    run_nodes(stack, "jepsen", 1)
    set_groups(
        stack,
        {
            "fio": {"role": "client", "site": "B", "count": 2, "instanceTypes[0]": "c7i.4xlarge"},
            "jepsen": {"enabled": "false"},
            "conduit": {"count": 0},
        },
    )

    # A template, a group, two lifecycle hooks, a start and a stop; the two rules that name all groups; of the group
    # that is empty now, its tag and its start.
    assert stack.changes() == {"create": 6, "delete": 6, "update": 3, "replace": 1}
    stack.up()

    assert set(stack.outputs()["nodeGroups"]) == {*GROUPS, "fio"} - {"jepsen"}
    [node, _] = run_nodes(stack, "fio", 2, most=3)
    assert (node["InstanceType"], tags(node)["NodeGroup"]) == ("c7i.4xlarge", "fio")
    assert asg(stack, "conduit")["AutoScalingGroupName"]  # with nothing to run
    filters = [{"Name": "tag:NodeGroup", "Values": ["jepsen"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    assert stack.client("ec2").describe_instances(Filters=filters)["Reservations"] == []


def test_wrong_groups_are_refused_all_at_once_before_anything_changes(stack: Stack) -> None:
    set_groups(stack, {"storage-a": {"count": 501, "instanceTypes[0]": "i4i.large"}, "fio": {"site": "C"}})

    with pytest.raises(EngineError) as raised:
        stack.up()

    said = str(raised.value)
    for path, repair in (("storage-a.count", "5"), ("fio.site", "A")):
        key = f"claudefs-infra:nodeGroups.{path}"
        assert key in said
        assert f"pulumi config set --path '{key}' {repair}" in said
    assert tags(asg(stack, "storage-a"))["Nodes"] == "3"
