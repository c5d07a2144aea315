"""Stand-ins for the commands and hosts that provide a toolchain."""

from __future__ import annotations

import stat
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tenacity import wait_none

from toolchain import gocommand, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gocommand, "NETWORK_PAUSE", wait_none())
    monkeypatch.setattr(transfer, "TRANSFER_PAUSE", wait_none())


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH, which otherwise has only the system's shell utilities."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def command(bin_folder: Path) -> Callable[[str, str], Path]:
    """A function that creates a command on PATH from a shell script."""

    def make(name: str, script: str) -> Path:
        return write_script(bin_folder / name, script)

    return make


def write_script(file: Path, script: str) -> Path:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


@dataclass
class Site:
    """A web server on loopback."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_off: Counter[str] = field(default_factory=Counter)
    """Number of responses to break off halfway, by path."""
    asked: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            served.asked[name] += 1
            content = served.files.get(name)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if served.cut_off[name] > 0:
                served.cut_off[name] -= 1
                content = content[: len(content) // 2]
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
