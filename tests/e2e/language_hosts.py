"""A fork server for language hosts and policy packs: each is a fork of a process that has already imported its modules.

Most of an engine run's processor time in Python is the import of Pulumi's SDKs and of this project, which are the same
in each run.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local.isolation import isolate

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON_VARIABLE = "CFS_PYTHON"
"""Environment variable that names the program to start in place of Python."""

_REPOSITORY_ROOT = Path(__file__).parents[2]
_PRELOADED_PACKAGES = ("costs", "infra", "policies")
_LONGEST_REQUEST = 2**20
_CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]) + "\\n"
socket.send_fds(server, [request.encode()], [0, 1, 2])
server.recv(1)
"""
"""Takes Python's place: passes arguments, environment and open files on, and waits for the fork's end."""


@contextmanager
def serve_language_hosts(folder: Path) -> Iterator[Path]:
    """Start a fork server that ends with the block, and yield the program that takes Python's place."""
    address, client = folder / "socket", folder / "python"
    client.write_text(_CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o700)
    command = [sys.executable, "-u", "-m", "tests.e2e.language_hosts", str(address)]
    with subprocess.Popen(
        command,
        cwd=_REPOSITORY_ROOT,
        env=isolate(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        if server.stdout is None or server.stdout.readline() != "ready\n":
            raise RuntimeError("the fork server of language hosts has not started")
        yield client


def _import_sdks() -> None:
    for package in ("pulumi.runtime", "pydantic"):
        importlib.import_module(package)
    table = json.loads((_REPOSITORY_ROOT / "toolchain/providers/resources.json").read_text())
    for token in (row["token"] for part in table.values() for row in part["resources"].values()):
        provider, module, name = token.split(":")
        service = module.partition("/")[0]
        package = f"pulumi_{provider}" if service == "index" else f"pulumi_{provider}.{service}"
        getattr(importlib.import_module(package.replace(".lambda", ".lambda_")), name)


def _import_project() -> None:
    for name in _PRELOADED_PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)


def _forget_project() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in _PRELOADED_PACKAGES:
            del sys.modules[name]


def main() -> None:
    """Fork a host for each connection until the owner closes the pipe."""
    gc.disable()  # nothing that is imported is ever freed
    _import_sdks()
    _import_project()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing waits for forks that exit
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    print("ready")  # noqa: T201 — the owner reads it
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if listener not in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _run_host(connection)
            return
        connection.close()


def _run_host(connection: socket.socket) -> None:
    request, files, _, _ = socket.recv_fds(connection, _LONGEST_REQUEST, 3)
    while not request.endswith(b"\n"):
        request += connection.recv(_LONGEST_REQUEST)
    arguments, folder, variables = json.loads(request)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    # The engine kills the client, whose end closes the connection.
    threading.Thread(target=lambda: connection.recv(1) or os._exit(0), daemon=True).start()
    # It starts policy packs with the same program.
    sys.executable = variables[PYTHON_VARIABLE]
    if Path(folder) != _REPOSITORY_ROOT:
        _forget_project()
    program = next(place for place, argument in enumerate(arguments) if not argument.startswith("-"))
    sys.argv = arguments[program:]
    sys.path[:0] = variables.get("PYTHONPATH", "").split(os.pathsep)
    if arguments[program - 1] == "-m":
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
