"""The node groups as deployed: what they hold, and what their nodes are like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.nodes import GROUPS, describe_group, launch_nodes, tags_of

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack


@pytest.mark.parametrize("group, role, site, nodes", [(name, *of) for name, of in GROUPS.items()])
def test_a_group_is_tagged_and_has_room_for_its_nodes_and_none_of_them_yet(
    deployed: Stack, group: str, role: str, site: str, nodes: int
) -> None:
    described = describe_group(deployed, group)

    assert (described["MinSize"], described["DesiredCapacity"], described["Instances"]) == (0, 0, [])
    assert described["MaxSize"] == nodes + (role in ("client", "conduit"))
    assert described["CapacityRebalance"] is (role in ("client", "conduit"))
    assert tags_of(described) == {
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
    spanned = set(describe_group(deployed, group)["VPCZoneIdentifier"].split(","))

    assert spanned == set(deployed.outputs()[f"site{GROUPS[group][1]}SubnetIds"])


def test_nodes_run_as_their_group_and_template_say(stack: Stack) -> None:
    nodes = launch_nodes(stack, "storage-a", 3)

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
        given = tags_of(node)
        assert (given["NodeGroup"], given["Role"], given["Site"]) == ("storage-a", "storage", "A")
        assert "Nodes" not in given
        [disk] = stack.client("ec2").describe_volumes(
            Filters=[{"Name": "attachment.instance-id", "Values": [node["InstanceId"]]}]
        )["Volumes"]
        assert (disk["Size"], disk["VolumeType"], disk["Encrypted"]) == (50, "gp3", True)
        assert disk["KmsKeyId"] == stack.outputs()["encryptionKeyArn"]
        assert tags_of(disk)["Environment"] == "local"
