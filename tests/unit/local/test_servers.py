"""The emulators' processes are recognized for what they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest

from local import servers
from local.servers import RunningEmulator
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.servers import Emulator


@pytest.fixture(params=[-60.0, 0.0, 3600.0])
def set_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the machine's clock after an emulator has started: the start times of all processes move with it."""
    created, booted = psutil.Process.create_time, psutil.boot_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + request.param)
    monkeypatch.setattr(psutil, "boot_time", lambda: booted + request.param)


STARTED = psutil.Process().create_time() - psutil.boot_time()


@pytest.mark.usefixtures("set_clock")
def test_an_emulator_stays_alive_when_the_clock_is_set() -> None:
    assert RunningEmulator(pid=os.getpid(), created=STARTED, port=1).is_alive()


@pytest.mark.usefixtures("set_clock")
def test_a_later_process_with_its_number_is_another_one() -> None:
    assert not RunningEmulator(pid=os.getpid(), created=STARTED - 30, port=1).is_alive()


def test_a_machine_without_the_loopback_address_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An address for documentation (RFC 5737), which no machine has.
    monkeypatch.setattr(servers, "LOOPBACK", "192.0.2.1")
    with pytest.raises(UserError, match=r"no address 192\.0\.2\.1") as told:
        servers.ensure_emulators_running(tmp_path / "account", spawn=never_spawn)
    assert "ip link set lo up" in told.value.repair
    assert not (tmp_path / "account").exists()


def never_spawn(_emulator: Emulator, _arguments: Sequence[str], _log: Path) -> int:
    raise AssertionError("nothing may be started")
