"""What the boot test decides without a guest."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from infra.cluster.node_commands import NODE_COMMANDS
from measure.boot.apt_cache import is_fresh
from measure.boot.boot_runs import COUNTER_CHECKS, PLAN, select_machines
from measure.boot.control_groups import find_hierarchies, remove_groups
from measure.boot.document_commands import render_command
from measure.boot.expectations import Deviation
from measure.boot.faults import FaultKind, NetworkFaults
from measure.boot.gateway import aws_action
from measure.boot.guest import GuestOutput
from measure.boot.image import select_mirror
from measure.boot.leftovers import is_guests
from measure.boot.metadata import LIFETIME_HEADER, TOKEN_HEADER, InstanceFacts, create_metadata, list_below
from measure.boot.name_server import answer_query, asked_name
from measure.boot.readiness import require_no_failed_unit
from measure.boot.trial_machine import TrialMachine, node_config, replace_texts
from terminal.errors import UserError

QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03ec2\x07example\x00"
TYPE_A, TYPE_AAAA = b"\x00\x01\x00\x01", b"\x00\x1c\x00\x01"


def test_the_mirror_is_debians_own_archive() -> None:
    targets = "http://a.example/security/ Debian Debian-Security\nhttp://b.example/debian/ Debian Debian\n"

    assert select_mirror(targets) == "http://b.example/debian"
    with pytest.raises(UserError):
        select_mirror("http://c.example/ubuntu/ Ubuntu Ubuntu\n")


@pytest.mark.parametrize(
    "path,age,fresh",
    [
        ("pool/main/j/jq/jq_1.7_amd64.deb", 30, True),
        ("dists/trixie/InRelease", 0.5, True),
        ("dists/trixie/InRelease", 2, False),
        ("dists/trixie/main/binary-amd64/by-hash/SHA256/00", 30, True),
    ],
)
def test_packages_are_kept_for_good_and_lists_for_a_day(path: str, age: float, *, fresh: bool, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.touch()
    os.utime(kept, (0, 0))

    assert is_fresh(path, kept, now=age * 24 * 3600) is fresh
    assert not is_fresh(path, tmp_path / "missing", now=0)


FACTS = InstanceFacts(
    instance="i-1", instance_type="i4i.large", user_data=b"#cloud-config", is_spot=True, has_group=False
)


def test_metadata_need_a_token_of_the_second_version() -> None:
    metadata = create_metadata(FACTS)

    assert metadata.answer_request("GET", "/latest/meta-data/instance-id", {}).status == 401
    assert metadata.answer_request("PUT", "/latest/api/token", {}).status == 400
    token = metadata.answer_request("PUT", "/latest/api/token", {LIFETIME_HEADER: "60"}).body.decode()
    answers = [
        metadata.answer_request("GET", path, {TOKEN_HEADER: token})
        for path in (
            "/latest/meta-data/instance-id",
            "/2021-03-23/user-data",
            "/latest/meta-data/spot/instance-action",
            "/latest/meta-data/iam/security-credentials/",
            "/latest/meta-data/placement",
            "/instance-id",
        )
    ]
    assert [(answer.status, answer.body) for answer in answers] == [
        (200, b"i-1"),
        (200, b"#cloud-config"),
        (404, b""),
        (200, b"machine"),
        (200, b"availability-zone\nregion"),
        (404, b""),
    ]


def test_metadata_list_folders_with_a_slash_and_only_once() -> None:
    assert list_below("meta-data/", ("meta-data/a/b", "meta-data/a/c", "meta-data/d", "e")) == "a/\nd"


def test_names_have_the_gateways_address_and_no_other() -> None:
    address = answer_query(QUERY + TYPE_A, exists=True)

    assert asked_name(QUERY + TYPE_A) == "ec2.example"
    assert (address[:4], address[-4:]) == (b"\x12\x34\x81\x80", bytes([198, 18, 0, 1]))
    assert answer_query(QUERY + TYPE_AAAA, exists=True)[6:8] == b"\x00\x00"
    assert answer_query(QUERY + TYPE_A, exists=False)[3] == 0x83


def test_a_fault_affects_its_requests_until_it_ends() -> None:
    faults = NetworkFaults()

    with faults.cause_fault(FaultKind.UNAVAILABLE, "ec2.* DescribeInstances"):
        assert faults.find_fault("ec2.example/ DescribeInstances") == FaultKind.UNAVAILABLE
        assert faults.find_fault("ec2.example/ CreateTags") is None
    assert faults.find_fault("ec2.example/ DescribeInstances") is None


@pytest.mark.parametrize(
    "headers,body,action",
    [
        ({}, b"Action=CreateTags&Version=1", "CreateTags"),
        ({}, b"Version=1&Action=PutMetricData", "PutMetricData"),
        ({"X-Amz-Target": "secretsmanager.GetSecretValue"}, b"{}", "GetSecretValue"),
        ({}, b"", ""),
    ],
)
def test_actions_are_read_from_each_protocol(headers: dict[str, str], body: bytes, action: str) -> None:
    assert aws_action(headers, body) == action


def test_documents_refuse_what_systems_manager_refuses() -> None:
    drain = NODE_COMMANDS["drain"].document_content()

    assert render_command(drain, {"Reason": "boot-test"}) == "exec /usr/local/libexec/cfs/drain 'boot-test'"
    for parameters in ({"Reason": "'; reboot"}, {}):
        with pytest.raises(UserError):
            render_command(drain, parameters)


def test_a_selected_situation_keeps_the_boot_that_it_needs() -> None:
    [machine] = select_machines(PLAN, "storage", "foreign-disk")

    assert [situation.name for situation in machine.situations] == ["boot", "foreign-disk"]
    assert select_machines(PLAN, "", "") == list(PLAN)
    with pytest.raises(UserError):
        select_machines(PLAN, "client", "foreign-disk")


@pytest.mark.parametrize("planned", COUNTER_CHECKS, ids=lambda planned: planned.name)
def test_repeated_faults_still_find_their_places_in_the_boot_files(planned: object) -> None:
    config = node_config("conduit", group="conduit", site=None)

    for replacement in planned.repeated:  # type: ignore[attr-defined]
        assert replace_texts(config, [replacement]) != config, replacement


def test_only_processes_with_a_runs_overlay_as_root_folder_are_its_guests() -> None:
    run = Path("/run/cfs-boot-a")
    overlay = (
        "731 696 0:106 / {} rw - overlay overlay rw,lowerdir=/i,upperdir=/run/cfs-boot-a/storage-a/upper,workdir=/w"
    )

    assert is_guests(overlay.format("/"), run)
    assert not is_guests(overlay.format("/run/cfs-boot-a/storage-a/root"), run)
    assert not is_guests(overlay.format("/"), Path("/run/cfs-boot-b"))


def test_containers_get_groups_in_each_hierarchy_that_systemd_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = (
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
    )
    assert find_hierarchies(mounts) == [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]

    monkeypatch.setattr("measure.boot.control_groups.list_hierarchies", lambda: [tmp_path])
    (tmp_path / "run-conduit/payload/system.slice").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    remove_groups("run-*")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def machine_with_failed_unit(*, patience: float, trigger: str) -> Mock:
    """Return a machine whose unit `sites.service` has failed, and succeeds when it is started again."""
    answers = {
        "systemctl list-units": "sites.service loaded failed failed Find the other sites\n",
        "systemctl status": "timed out",
        "systemctl show": f"{trigger}\n",
    }

    def run_program(command: str) -> GuestOutput:
        return GuestOutput(status=0, text=next(text for start, text in answers.items() if command.startswith(start)))

    machine = Mock(spec=TrialMachine, guest=Mock(patience=patience, has_own_kernel=True))
    machine.run_program = run_program
    machine.unit_state.side_effect = ["failed", "activating", "inactive"]
    machine.await_state = partial(TrialMachine.await_state, machine)
    return machine


def test_on_an_emulated_processor_a_failed_unit_has_time_until_its_timer_starts_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("measure.boot.expectations.pause_test", lambda _seconds: None)
    machine = machine_with_failed_unit(patience=6, trigger="sites.timer")
    require_no_failed_unit(machine)
    assert machine.unit_state.call_count == 3


@pytest.mark.parametrize("patience, trigger", [(1, "sites.timer"), (6, ""), (6, "sites.path")])
def test_other_failed_units_are_deviations_at_once(patience: float, trigger: str) -> None:
    with pytest.raises(Deviation, match=r"sites\.service has failed: timed out"):
        require_no_failed_unit(machine_with_failed_unit(patience=patience, trigger=trigger))
