"""`cfs cluster down`: no node runs, and no leftover of a window keeps later nodes running."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cfs.cluster.down import StoppedGroups, stop_cluster
from cfs.cluster.node_runs import NodeInstance
from cfs.cluster.up import ClusterWindow, start_cluster
from terminal.errors import UserError
from tests.unit.cfs.cluster.conftest import ENVIRONMENT, Cluster, full_name, local


def start(cluster: Cluster, hours: float) -> None:
    start_cluster(
        cluster.aws, ClusterWindow(environment=ENVIRONMENT, duration=timedelta(hours=hours)), clock=cluster.pace
    )


def stop(cluster: Cluster, *words: str) -> StoppedGroups:
    return stop_cluster(cluster.aws, ENVIRONMENT, words, clock=cluster.pace)


def test_no_node_is_left_and_the_next_start_is_the_scheduled_one(cluster: Cluster) -> None:
    start(cluster, 3)
    stopped = stop(cluster)
    assert cluster.instances("pending", "running", "shutting-down") == []
    assert stopped.next_starts == dict.fromkeys(("fuse-client", "storage-a", "storage-b"), local(24, 8))
    group = cluster.group("fuse-client")
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (0, 2, 0)


def test_other_groups_keep_running(cluster: Cluster) -> None:
    start(cluster, 3)
    stop(cluster, "client")
    assert len(cluster.instances()) == 5
    assert cluster.stop("storage-a")["StartTime"] == local(23, 23)


def test_a_postponed_stop_is_restored_to_its_regular_time(cluster: Cluster) -> None:
    start(cluster, 72)
    assert cluster.stop("storage-a")["StartTime"] == local(26, 20)
    stop(cluster)
    assert cluster.stop("storage-a")["StartTime"] == local(24, 18)
    # The schedule starts the nodes on Tuesday, and stops them then.
    cluster.now = local(24, 9)
    assert len(cluster.instances()) == 6
    cluster.now = local(24, 18)
    assert cluster.instances() == []


def test_a_stop_is_never_postponed(cluster: Cluster) -> None:
    start(cluster, 3)
    stop(cluster)
    assert cluster.stop("storage-a")["StartTime"] == local(23, 23)


def test_if_it_is_killed_at_any_change_no_node_runs_longer_than_before(cluster: Cluster) -> None:
    class KilledError(Exception):
        """The console is killed."""

    start(cluster, 72)
    for number in range(1, 7):
        seen: list[str] = []

        def die(model: Any, number: int = number, seen: list[str] = seen, **_: Any) -> None:
            seen.extend([model.name] if model.name.startswith(("Put", "Update")) else [])
            if len(seen) == number:
                raise KilledError

        before = {name: cluster.stop(name)["StartTime"] for name in ("storage-a", "storage-b", "fuse-client")}
        with cluster.hearing("after-call", die), suppress(KilledError):
            stop(cluster)
        assert all(cluster.stop(name)["StartTime"] <= at for name, at in before.items())
    assert cluster.instances() == []


def test_a_group_without_a_stop_is_stopped_anyway(cluster: Cluster) -> None:
    start(cluster, 3)
    cluster.client("autoscaling").delete_scheduled_action(
        AutoScalingGroupName=full_name("storage-a"), ScheduledActionName="stop"
    )
    stop(cluster)
    assert cluster.instances() == []


def test_a_cluster_that_is_stopped_stays_so(cluster: Cluster) -> None:
    assert stop(cluster).groups
    assert cluster.stop("storage-a")["StartTime"] == local(24, 18)


def test_nodes_that_are_not_terminated_are_named_with_the_reasons(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(cluster, 3)
    autoscaling = cluster.client("autoscaling")
    protected = [member["InstanceId"] for member in cluster.group("storage-a")["Instances"]]
    autoscaling.set_instance_protection(
        AutoScalingGroupName=full_name("storage-a"), InstanceIds=protected, ProtectedFromScaleIn=True
    )
    autoscaling.suspend_processes(AutoScalingGroupName=full_name("storage-b"), ScalingProcesses=["Terminate"])
    # moto terminates the nodes of the suspended group anyway.
    is_there = vars(NodeInstance)["is_there"].fget
    monkeypatch.setattr(NodeInstance, "is_there", property(lambda node: node.group == "storage-b" or is_there(node)))

    with pytest.raises(UserError) as caught:
        stop_cluster(cluster.aws, ENVIRONMENT, (), clock=replace(cluster.pace, speed=60))

    assert "5 instances were not terminated within 25 minutes (storage-b has Terminate sus" in caught.value.problem
    assert all(f"{node} is protected from scale-in" in caught.value.problem for node in protected)
    assert "terminate-instances --instance-ids i-" in caught.value.repair
