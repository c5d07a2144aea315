"""Node groups: the default ones, what settings change of them, and the types that storage can run on."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from typing import Any

import moto.ec2
import pytest
from pydantic import TypeAdapter

from infra.config.local_disks import LOCAL_NVME_GB, MIN_STORAGE_GB, storage_instance_types
from infra.config.node_groups import (
    DEFAULT_GROUP_NAMES,
    ROLE_DEFAULTS,
    NodeGroup,
    NodeGroupChange,
    default_groups,
    resolve_node_groups,
)
from infra.config.values import InstanceType
from infra.schedules.schedule import Calendar
from infra.tags import ResourceRole

DESCRIBED: dict[str, dict[str, Any]] = json.loads(
    gzip.decompress((Path(moto.ec2.__file__).parent / "resources" / "instance_types.json.gz").read_bytes())
)
"""What EC2 has answered of its instance types, as moto carries it."""


def groups(cluster_size: int = 5, **changes: dict[str, Any]) -> dict[str, NodeGroup]:
    """Return the groups by name; `storage_a` stands for `storage-a`."""
    given = {name.replace("_", "-"): NodeGroupChange.model_validate(change) for name, change in changes.items()}
    return {group.name: group for group in resolve_node_groups(cluster_size, given)}


def test_the_default_groups_are_those_of_claudefs_test_cluster() -> None:
    found = groups()
    assert {
        name: (of.role, of.site, of.count, of.instance_types[0], of.root_disk_gib) for name, of in found.items()
    } == {
        "storage-a": ("storage", "A", 3, "i4i.2xlarge", 50),
        "storage-b": ("storage", "B", 2, "i4i.2xlarge", 50),
        "fuse-client": ("client", "A", 1, "c7a.xlarge", 50),
        "nfs-client": ("client", "A", 1, "c7a.xlarge", 50),
        "conduit": ("conduit", "A", 1, "t3.medium", 20),
        "jepsen": ("jepsen", "A", 1, "c7a.xlarge", 50),
    }
    assert {(of.on_demand_base, of.on_demand_percent) for of in found.values()} == {(0, 0)}


@pytest.mark.parametrize("size, site_a, site_b", [(3, 2, 1), (5, 3, 2), (10, 6, 4)])
def test_the_cluster_size_is_shared_out_between_the_sites(size: int, site_a: int, site_b: int) -> None:
    assert [of.count for of in default_groups(size) if of.role == "storage"] == [site_a, site_b]


def test_an_explicit_count_goes_before_the_cluster_size() -> None:
    found = groups(10, storage_a={"count": 7})

    assert (found["storage-a"].count, found["storage-b"].count) == (7, 4)


def test_a_change_changes_what_it_names_and_nothing_else() -> None:
    changed = groups(storage_a={"onDemandPercent": 50, "instanceTypes": ["i3en.xlarge"]})

    assert changed["storage-a"].on_demand_percent == 50
    assert changed["storage-a"].instance_types == ("i3en.xlarge",)
    assert (changed["storage-a"].count, changed["storage-a"].root_disk_gib) == (3, 50)
    assert {name: of for name, of in changed.items() if name != "storage-a"} == {
        name: of for name, of in groups().items() if name != "storage-a"
    }


def test_a_new_group_is_like_the_others_of_its_role() -> None:
    new = groups(fio={"role": "storage", "count": 4})["fio"]

    assert new == NodeGroup(
        name="fio",
        role="storage",
        site="A",
        count=4,
        instance_types=ROLE_DEFAULTS["storage"].instance_types,
        root_disk_gib=50,
    )


def test_new_groups_come_after_the_default_ones_in_the_order_of_their_names() -> None:
    assert tuple(groups(b={"role": "client", "count": 1}, a={"role": "client", "count": 1})) == (
        *DEFAULT_GROUP_NAMES,
        "a",
        "b",
    )


def test_a_group_without_nodes_stays_and_a_disabled_one_goes() -> None:
    found = groups(conduit={"count": 0}, jepsen={"enabled": False})

    assert "jepsen" not in found
    assert (found["conduit"].count, found["conduit"].max_nodes) == (0, 0)


@pytest.mark.parametrize("role, most", [("storage", 3), ("jepsen", 3), ("client", 4), ("conduit", 4)])
def test_only_where_losing_a_node_is_harmless_its_successor_comes_before_it_goes(role: str, most: int) -> None:
    assert groups(more={"role": role, "count": 3})["more"].max_nodes == most


@pytest.mark.parametrize(
    "change, start, stop",
    [
        ({}, time(8), time(18)),
        ({"scheduleStart": "06:30"}, time(6, 30), time(18)),
        ({"scheduleStop": "20:00"}, time(8), time(20)),
        ({"scheduleStart": "none"}, None, time(18)),
        ({"scheduleStart": "none", "scheduleStop": "12:00"}, None, time(12)),
    ],
)
def test_a_group_runs_at_the_stacks_hours_but_for_its_own(
    change: dict[str, Any], start: time | None, stop: time
) -> None:
    usual = Calendar(
        time_zone="America/Los_Angeles", start=time(8), stop=time(18), holidays=frozenset({date(2026, 5, 25)})
    )

    assert groups(conduit=change)["conduit"].group_calendar(usual) == replace(usual, start=start, stop=stop)


def test_roles_are_values_of_the_tag_role_and_run_on_several_x86_types() -> None:
    assert set(ROLE_DEFAULTS) <= set(ResourceRole.__args__)  # type: ignore[attr-defined]  # mypy does not know a literal's arguments
    assert len(ROLE_DEFAULTS) == 4
    for kind in ROLE_DEFAULTS.values():
        assert len(set(kind.instance_types)) == len(kind.instance_types) >= 4
        for type_ in kind.instance_types:
            assert TypeAdapter(InstanceType).validate_python(type_) == type_
            assert DESCRIBED[type_]["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"]
            assert "spot" in DESCRIBED[type_]["SupportedUsageClasses"]


def test_clients_have_four_processors_and_storage_nodes_at_least_eight() -> None:
    processors = {type_: of["VCpuInfo"]["DefaultVCpus"] for type_, of in DESCRIBED.items()}

    assert {processors[type_] for role in ("client", "jepsen") for type_ in ROLE_DEFAULTS[role].instance_types} == {4}
    assert min(processors[type_] for type_ in ROLE_DEFAULTS["storage"].instance_types) == 8


def test_storage_runs_on_types_with_enough_local_disk_alone() -> None:
    assert set(ROLE_DEFAULTS["storage"].instance_types) <= set(storage_instance_types())
    assert all(LOCAL_NVME_GB[type_] >= MIN_STORAGE_GB for type_ in storage_instance_types())
    assert storage_instance_types()[0] == "i4i.2xlarge"


def test_the_table_of_local_disks_is_what_ec2_answers() -> None:
    families = {type_.partition(".")[0] for type_ in LOCAL_NVME_GB}
    answered = {
        type_: of["InstanceStorageInfo"]["TotalSizeInGB"]
        for type_, of in DESCRIBED.items()
        if type_.partition(".")[0] in families
    }

    assert answered == LOCAL_NVME_GB
    for type_ in LOCAL_NVME_GB:
        assert DESCRIBED[type_]["InstanceStorageInfo"]["NvmeSupport"] == "required"


DOCUMENT = (Path(__file__).parents[4] / "docs" / "cluster.md").read_text()


def test_the_documented_groups_are_the_default_ones() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (\w+) \| ([AB]) \| (\d+) \| (.+?) \| (\d+) GiB \| (yes|no) \|$", DOCUMENT, re.MULTILINE
    )
    types: dict[str, tuple[str, ...]] = {}
    for name, *_, written, _, _ in rows:
        types[name] = types[written.split("`")[1]] if written.startswith("as ") else tuple(written.split(", "))

    assert [
        (name, role, site, int(count), types[name], int(disk), expendable == "yes")
        for name, role, site, count, _, disk, expendable in rows
    ] == [
        (of.name, of.role, of.site, of.count, of.instance_types, of.root_disk_gib, of.role_defaults.is_replaceable)
        for of in default_groups(5)
    ]


def test_every_field_that_a_setting_can_change_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", DOCUMENT, re.MULTILINE)

    assert {*documented} >= {field.alias for field in NodeGroupChange.model_fields.values()}
