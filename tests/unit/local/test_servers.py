"""The emulators' processes are recognized for what they are."""

from __future__ import annotations

import os

import psutil
import pytest

from local.servers import RunningEmulator


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
