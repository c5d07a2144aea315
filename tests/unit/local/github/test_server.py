"""The process: where it listens, and what is left when it is killed."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from local.github import __main__ as server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REPOSITORY = "repos/octo-owner/octo-repository"
ENOUGH = 20
VARIABLES = f"{REPOSITORY}/actions/variables"


class Running:
    """A stand-in in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address

    def request(self, method: str, path: str, body: object = None) -> str:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/{path}", data, method=method)
        request.add_header("Authorization", "Bearer dummy")
        with urllib.request.urlopen(request, timeout=10) as response:
            text: str = response.read().decode()
            return text


@contextmanager
def running(root: Path, state: Path) -> Iterator[Running]:
    """Start a stand-in, and end it."""
    names = ["--owner", "octo-owner", "--repository", "octo-repository"]
    command = [sys.executable, "-m", "local.github", "--port", "0", "--state", str(state), *names]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            first = process.stderr.readline()
            found = re.match(r"(http://127\.0\.0\.1:\d+) serves octo-owner/octo-repository", first)
            assert found, first
            # The log must be read, or its pipe fills and the process stands still.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield Running(process, found[1])
        finally:
            process.kill()


def test_a_process_that_is_killed_while_it_writes_leaves_every_change_that_it_answered(
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    state = tmp_path / "state.json"
    answered: list[str] = []
    some_answered = threading.Event()
    with running(pytestconfig.rootpath, state) as github:

        def kill() -> None:
            some_answered.wait(timeout=30)
            github.process.kill()

        threading.Thread(target=kill).start()
        try:
            for number in range(100_000):
                github.request("POST", VARIABLES, {"name": f"V{number}", "value": "v"})
                answered.append(f"V{number}")
                if number > ENOUGH:
                    some_answered.set()
        except (OSError, http.client.HTTPException):
            # The process is gone in the middle of a request, or of its answer.
            github.process.wait(timeout=10)
    assert github.process.returncode == -signal.SIGKILL
    assert len(answered) > ENOUGH
    with running(pytestconfig.rootpath, state) as github:
        for name in (answered[0], answered[-1]):
            assert json.loads(github.request("GET", f"{VARIABLES}/{name}"))["value"] == "v"
        health = json.loads(github.request("GET", "_control/health"))
        assert (health["pid"], health["state"]) == (github.process.pid, str(state))


def test_the_process_listens_on_this_machine_only_and_ends_quietly(
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    with running(pytestconfig.rootpath, tmp_path / "state.json") as github:
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(github.process.pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]
        github.process.terminate()
        assert github.process.wait(timeout=10) == 0


def test_there_is_no_option_to_listen_anywhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--port", "0", "--state", "s", "--owner", "o", "--repository", "r", "--host", "192.0.2.1"]
    with pytest.raises(SystemExit) as ended:
        server.main(arguments)
    assert ended.value.code == 2
    assert "unrecognized arguments: --host" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", ""])
def test_a_start_with_a_broken_state_file_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    state = tmp_path / "state.json"
    state.write_text(text)

    assert server.main(["--port", "0", "--state", str(state), "--owner", "o", "--repository", "r"]) == 1
    assert capsys.readouterr().err.startswith(f"{state} is not a state file of this version")
