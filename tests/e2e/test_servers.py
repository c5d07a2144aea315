"""Starting, finding and stopping the emulators of a local account."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

from local import servers
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    from tests.e2e.nursery import ForkServer

    Start: TypeAlias = Callable[[], dict[servers.Emulator, servers.RunningEmulator]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An account's folder, whose emulators end with the test."""
    yield tmp_path / "account"
    servers.stop_emulators(tmp_path / "account")


@pytest.fixture
def start(folder: Path, blank_account: ForkServer) -> Start:
    """Start the emulators as forks, in tests of what happens before or afterwards."""
    return partial(servers.ensure_emulators_running, folder, spawn=blank_account.spawn_copy)


def ec2(running: servers.RunningEmulator) -> Any:
    """Return a client of the emulated account."""
    return boto3.client(
        "ec2",
        endpoint_url=running.base_url,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def vpcs(running: servers.RunningEmulator) -> list[str]:
    """List the VPCs of the emulated account, without the default one."""
    return [vpc["VpcId"] for vpc in ec2(running).describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]


def make_vpc(running: servers.RunningEmulator) -> str:
    return str(ec2(running).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def test_both_emulators_answer_on_loopback_alone(folder: Path) -> None:
    started = servers.ensure_emulators_running(folder)
    assert set(started) == {servers.AWS_EMULATOR, servers.GITHUB_EMULATOR}
    for process in started.values():
        addresses = {
            connection.laddr.ip
            for connection in psutil.Process(process.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert addresses == {"127.0.0.1"}


def test_what_runs_is_left_alone(folder: Path, start: Start) -> None:
    assert start() == servers.ensure_emulators_running(folder)


def test_an_emulator_that_was_killed_comes_back_with_all_that_it_held(folder: Path, start: Start) -> None:
    before = start()[servers.AWS_EMULATOR]
    vpc = make_vpc(before)
    os.kill(before.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before.pid)] if psutil.pid_exists(before.pid) else [], timeout=5)
    assert servers.dead_emulators(folder) == [servers.AWS_EMULATOR]

    after = servers.ensure_emulators_running(folder)[servers.AWS_EMULATOR]

    assert after.pid != before.pid
    assert after.port == before.port
    assert vpcs(after) == [vpc]


def test_an_emulator_of_older_code_is_started_again_with_all_that_it_held(
    folder: Path, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    before = start()
    vpc = make_vpc(before[servers.AWS_EMULATOR])
    recorded = json.loads((folder / "servers.json").read_text())
    del recorded[servers.AWS_EMULATOR.module]["code"]  # as versions of this project did that recorded none
    (folder / "servers.json").write_text(json.dumps(recorded))

    after = servers.ensure_emulators_running(folder)

    assert not before[servers.AWS_EMULATOR].is_alive()
    assert after[servers.AWS_EMULATOR].port == before[servers.AWS_EMULATOR].port
    assert vpcs(after[servers.AWS_EMULATOR]) == [vpc]
    assert after[servers.GITHUB_EMULATOR] == before[servers.GITHUB_EMULATOR]
    assert "The emulated AWS account runs outdated code" in capsys.readouterr().err


def test_a_restart_makes_the_same_ids_as_an_uninterrupted_run_would(
    folder: Path, start: Start, tmp_path: Path, blank_account: ForkServer
) -> None:
    first = start()[servers.AWS_EMULATOR]
    made = [make_vpc(first)]
    servers.stop_emulators(folder)
    made.append(make_vpc(servers.ensure_emulators_running(folder)[servers.AWS_EMULATOR]))

    other = tmp_path / "other"
    try:
        uninterrupted = servers.ensure_emulators_running(other, spawn=blank_account.spawn_copy)[servers.AWS_EMULATOR]
        assert [make_vpc(uninterrupted), make_vpc(uninterrupted)] == made
    finally:
        servers.stop_emulators(other)


def test_stopping_ends_the_processes_and_keeps_the_state(folder: Path, start: Start) -> None:
    processes = start()
    servers.stop_emulators(folder)
    assert not any(process.is_alive() for process in processes.values())
    assert (folder / servers.GITHUB_EMULATOR.state_file).exists()


def test_stopping_what_never_ran_does_nothing(tmp_path: Path) -> None:
    servers.stop_emulators(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_taken_port_is_named_with_the_process_that_has_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("CFS_AWS_PORT", str(port))
        with pytest.raises(UserError, match=rf"Port {port} .* is taken by process {os.getpid()}") as failure:
            servers.ensure_emulators_running(folder)
    assert "unset CFS_AWS_PORT" in failure.value.repair


@pytest.mark.parametrize("value", ["http", "-1", "65536", "80.5"])
def test_a_port_that_is_none_is_refused(
    folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CFS_GITHUB_PORT", value)
    with pytest.raises(UserError, match=f"CFS_GITHUB_PORT is '{value}'"):
        start()
    servers.stop_emulators(folder)
    assert [process for process in servers.recorded_emulators(folder).values() if process.is_alive()] == []
    assert servers.AWS_EMULATOR in servers.recorded_emulators(
        folder
    )  # what was started before is known, and so was stopped


def test_another_port_is_taken_where_the_chosen_one_was_lost_to_another_process(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = servers._choose_port  # noqa: SLF001 — what a test must put in the way of
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1]]
        monkeypatch.setattr(
            servers,
            "_choose_port",
            lambda emulator, *, before: ports.pop() if ports else choose(emulator, before=before),
        )
        started = start()
        assert started[servers.AWS_EMULATOR].port != taken.getsockname()[1]
        assert started[servers.AWS_EMULATOR].is_healthy()


def test_another_port_is_taken_where_the_one_before_is_gone(folder: Path, start: Start) -> None:
    before = start()[servers.AWS_EMULATOR]
    servers.stop_emulators(folder)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", before.port))
        taken.listen()
        after = start()[servers.AWS_EMULATOR]
    assert after.port != before.port


def test_an_emulator_that_cannot_start_is_reported_with_the_end_of_its_log(folder: Path) -> None:
    folder.mkdir()
    (folder / servers.GITHUB_EMULATOR.state_file).write_text("{ not a state")
    with pytest.raises(UserError, match="emulated GitHub repository ended before it answered") as failure:
        servers.ensure_emulators_running(folder)
    assert "local.github.log" in failure.value.repair


def test_a_record_of_another_version_counts_as_none(folder: Path) -> None:
    folder.mkdir()
    (folder / "servers.json").write_text(json.dumps({"local.aws": {"pid": 1}}))
    assert servers.recorded_emulators(folder) == {}


def test_a_process_of_the_same_number_is_not_taken_for_the_emulator() -> None:
    mine = servers.RunningEmulator(pid=os.getpid(), created=time.time() - 10_000_000, port=1)
    assert not mine.is_alive()


def test_an_emulator_holds_nothing_open_that_its_starter_was_given(folder: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # noqa: FBT003 — the only parameter
    servers.ensure_emulators_running(folder)
    os.close(writing)

    os.set_blocking(reading, False)
    assert os.read(reading, 1) == b""
    os.close(reading)
