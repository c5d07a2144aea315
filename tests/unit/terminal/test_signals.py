"""A step that GitHub's runner cancels: SIGINT only to its entry process, then SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from infra.project import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
import sys
from pathlib import Path

from cfs.remote_engine import RemoteEngine
from terminal.signals import install_signal_handlers
from toolchain import Toolchain

install_signal_handlers()
toolchain = Toolchain(origin="built", version="3.259.0", path=(Path(sys.argv[1]),), env={})
engine = RemoteEngine(environment_name="prod", toolchain=toolchain)
getattr(engine, sys.argv[2])("up")
print("began something else")
"""
ENGINE = """\
#!/bin/bash
cd "$(dirname "$0")"
trap 'echo interrupted >> seen; sleep 1; echo written >> seen; exit {status}' INT
touch began
while true; do sleep 0.02; done
"""


@pytest.mark.parametrize("status", [0, 255])
@pytest.mark.parametrize("way", ["run_operation", "query_text"])
def test_the_engine_is_interrupted_once_and_has_time_to_write_its_state(tmp_path: Path, way: str, status: int) -> None:
    (tmp_path / "pulumi").write_text(ENGINE.format(status=status))
    (tmp_path / "pulumi").chmod(0o755)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "step.sh").write_text(f"exec {sys.executable} {tmp_path}/program.py {tmp_path} {way}\n")
    step = subprocess.Popen(
        ["bash", "-e", tmp_path / "step.sh"], cwd=PROJECT_FOLDER, stdout=subprocess.PIPE, env={"PYTHONPATH": "."}
    )
    try:
        while not (tmp_path / "began").exists():
            assert step.poll() is None
            time.sleep(0.01)
        step.send_signal(signal.SIGINT)
        time.sleep(0.3)
        step.send_signal(signal.SIGTERM)
        said, _ = step.communicate(timeout=7)
    finally:
        step.kill()
    assert (tmp_path / "seen").read_text().split() == ["interrupted", "written"]
    assert (said, step.returncode) == (b"", -signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_waiting_command_cleans_up_before_it_ends(number: signal.Signals) -> None:
    program = """
from terminal.signals import install_signal_handlers
import time
install_signal_handlers()
try:
    print("waits", flush=True)
    time.sleep(60)
finally:
    print("gave back", flush=True)
"""
    waiting = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PROJECT_FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waits\n"
        waiting.send_signal(number)
        assert waiting.communicate(timeout=7)[0] == "gave back\n"
    finally:
        waiting.kill()
