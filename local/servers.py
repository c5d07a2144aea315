"""Starts, finds and stops the two emulators of a local account, whose state is in one folder."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock
from filelock import Timeout as LockTimeout

from cfs.loopback import open_loopback
from local.isolation import isolate
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias


LOOPBACK = "127.0.0.1"
LOCAL_OWNER = "local-owner"
"""Owner of the emulated repository."""
LOCAL_REPOSITORY = "claudefs"

_REPOSITORY_ROOT = str(Path(__file__).parent.parent)
_STANDARD_ERROR = 2
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_HEALTH_SECONDS = 2.0
_LOG_TAIL_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """One of the two emulators.

    Attributes:
        name: The name in messages.
        module: The Python module that serves it.
        state_file: Name of the state file in the account's folder.
        port_variable: The environment variable that sets the port.
        arguments: Further arguments of the module.
    """

    name: str
    module: str
    state_file: str
    port_variable: str
    arguments: tuple[str, ...] = ()


AWS_EMULATOR = Emulator(
    name="emulated AWS account", module="local.aws", state_file="aws.jsonl", port_variable="CFS_AWS_PORT"
)
GITHUB_EMULATOR = Emulator(
    name="emulated GitHub repository",
    module="local.github",
    state_file="github.json",
    port_variable="CFS_GITHUB_PORT",
    arguments=("--owner", LOCAL_OWNER, "--repository", LOCAL_REPOSITORY),
)
EMULATORS = (AWS_EMULATOR, GITHUB_EMULATOR)

SpawnEmulator: TypeAlias = "Callable[[Emulator, Sequence[str], Path], int]"
"""Starts an emulator with arguments for its module and a log file, and returns its process ID."""


@dataclass(frozen=True, kw_only=True)
class RunningEmulator:
    """An emulator's process.

    Attributes:
        pid: The process ID.
        created: Start time in seconds since the machine's boot; tells the process from a later one with the same
            ID. Unlike the time of day, it does not move when the clock is set.
        port: The port on loopback.
        code: Digest of the code that it runs, from `_code_digest`.
    """

    pid: int
    created: float
    port: int
    code: str = ""

    @property
    def base_url(self) -> str:
        """The emulator's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    def is_alive(self) -> bool:
        """Return whether the process is still running."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(_seconds_from_boot(process) - self.created) < 1
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def is_healthy(self) -> bool:
        """Return whether the process answers requests."""
        try:
            with open_loopback(f"{self.base_url}/_control/health", timeout=_HEALTH_SECONDS) as answer:
                return bool(json.load(answer)["pid"] == self.pid)
        except (OSError, ValueError):
            return False


def spawn_emulator(emulator: Emulator, arguments: Sequence[str], log: Path) -> int:
    """Start an emulator's process, which outlives this command, and return its ID."""
    # A new session, so that Ctrl-C in this command's terminal does not reach it.
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", emulator.module, *arguments],
        {**isolate(os.environ), "PYTHONPATH": _REPOSITORY_ROOT},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            # It outlives this command, and would otherwise keep the command's inherited locks and pipes open.
            *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inherited_descriptors()),
        ],
        setsid=True,
    )


def _inherited_descriptors() -> list[int]:
    """Return this process's inheritable file descriptors, except the standard streams."""
    opened = []
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            if descriptor > _STANDARD_ERROR and os.get_inheritable(descriptor):
                opened.append(descriptor)
    return opened


def ensure_emulators_running(
    folder: Path, *, emulators: Sequence[Emulator] = EMULATORS, spawn: SpawnEmulator = spawn_emulator
) -> dict[Emulator, RunningEmulator]:
    """Start emulators that are not running this project's current code, and wait until all answer.

    An emulator started before an update of the project is replaced, as it may lack calls that the stack needs.

    Args:
        folder: The account's folder.
        emulators: Those that the account consists of.
        spawn: The function that starts a process.
    """
    _require_loopback()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "servers.lock", timeout=_START_SECONDS * 2):
            recorded = recorded_emulators(folder)
            started = {
                emulator: process
                for emulator in emulators
                if (process := recorded.get(emulator))
                and process.code == _code_digest()
                and process.is_alive()
                and process.is_healthy()
            }
            for emulator in emulators:
                if emulator not in started:
                    started[emulator] = _start_emulator(emulator, folder, before=recorded.get(emulator), spawn=spawn)
                    # Immediately, so that `stop_emulators` finds it even if the next one does not start.
                    _record_started(folder, started)
            for emulator in emulators:
                try:
                    _await_health(emulator, started[emulator], folder)
                except UserError:
                    if not _lost_its_port(emulator, started[emulator], folder):
                        raise
                    started[emulator] = _start_emulator(emulator, folder, before=None, spawn=spawn)
                    _record_started(folder, started)
                    _await_health(emulator, started[emulator], folder)
            return started
    except LockTimeout as error:
        raise UserError(
            f"Another process has been starting or stopping the local account in {folder} for a minute.",
            repair="wait for it to end, or end it, and run the command again",
        ) from error


def _require_loopback() -> None:
    """Check that this machine has the address of the emulators, and of Pulumi's plugins."""
    try:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
    except OSError as error:
        raise UserError(
            f"This machine has no address {LOOPBACK} ({error.strerror}), which Pulumi and the local account need.",
            repair="ip link set lo up, or give the container a loopback interface",
        ) from error


def stop_emulators(folder: Path) -> None:
    """Stop the emulators; their state remains in the folder."""
    if not folder.exists():
        return
    with FileLock(folder / "servers.lock", timeout=_START_SECONDS * 2):
        processes = [
            psutil.Process(process.pid) for process in recorded_emulators(folder).values() if process.is_alive()
        ]
        for process in processes:
            process.terminate()
        _, stubborn = psutil.wait_procs(processes, timeout=_STOP_SECONDS)
        for process in stubborn:
            process.kill()


def recorded_emulators(folder: Path) -> dict[Emulator, RunningEmulator]:
    """Return the processes that were started last, alive or not."""
    try:
        recorded = json.loads((folder / "servers.json").read_text())
        return {
            emulator: RunningEmulator(**recorded[emulator.module])
            for emulator in EMULATORS
            if emulator.module in recorded
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        # The record is damaged or from another version: its processes no longer serve this folder.
        return {}


def dead_emulators(folder: Path) -> list[Emulator]:
    """Return the emulators that were started and are no longer running."""
    return [emulator for emulator, process in recorded_emulators(folder).items() if not process.is_alive()]


def _record_started(folder: Path, started: dict[Emulator, RunningEmulator]) -> None:
    temporary = folder / "servers.json.new"
    temporary.write_text(json.dumps({emulator.module: asdict(process) for emulator, process in started.items()}))
    temporary.replace(folder / "servers.json")


def _seconds_from_boot(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()


def _start_emulator(
    emulator: Emulator, folder: Path, *, before: RunningEmulator | None, spawn: SpawnEmulator
) -> RunningEmulator:
    if before is not None:
        outdated = before.is_alive() and before.code != _code_digest()
        why = "runs outdated code" if outdated else "is no longer running"
        console.print(f"The {emulator.name} {why}: restarting it with its data.")
        _kill_emulator(before)
    port = _choose_port(emulator, before=before)
    arguments = ["--port", str(port), "--state", str(folder / emulator.state_file), *emulator.arguments]
    pid = spawn(emulator, arguments, _log_file(emulator, folder))
    return RunningEmulator(pid=pid, created=_seconds_from_boot(psutil.Process(pid)), port=port, code=_code_digest())


def _lost_its_port(emulator: Emulator, process: RunningEmulator, folder: Path) -> bool:
    """Return whether another process took the emulator's randomly chosen port before the emulator could."""
    is_fixed = os.environ.get(emulator.port_variable, "") not in ("", "0")
    return (
        not is_fixed and not process.is_alive() and "Address already in use" in _log_tail(_log_file(emulator, folder))
    )


def _kill_emulator(process: RunningEmulator) -> None:
    """Kill an obsolete process, and wait until its port is free."""
    if process.is_alive():
        ending = psutil.Process(process.pid)
        ending.kill()
        psutil.wait_procs([ending], timeout=_STOP_SECONDS)


@cache
def _code_digest() -> str:
    """Return a digest of the emulators' code: their own files, and the versions of packages."""
    digest = hashlib.sha256()
    for file in (*sorted(Path(__file__).parent.rglob("*.py")), Path(_REPOSITORY_ROOT) / "requirements.txt"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _choose_port(emulator: Emulator, *, before: RunningEmulator | None) -> int:
    wanted = os.environ.get(emulator.port_variable, "")
    if wanted not in ("", "0"):
        if not wanted.isdecimal() or not 1 <= int(wanted) <= 65535:  # noqa: PLR2004 — the range of ports
            raise UserError(
                f"{emulator.port_variable} is {wanted!r}: a port is a number from 1 to 65535.",
                repair=f"unset {emulator.port_variable}, so that a free port is used",
            )
        if not _is_free(int(wanted)):
            raise UserError(
                f"Port {wanted} of {LOOPBACK}, wanted for the {emulator.name}, "
                f"is taken{_describe_port_holder(int(wanted))}.",
                repair=f"end that process, or unset {emulator.port_variable}, so that a free port is used",
            )
        return int(wanted)
    # Reuse the previous port if it is free, so that a shell set up by `make env` keeps working.
    if before is not None and _is_free(before.port):
        return before.port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _describe_port_holder(port: int) -> str:
    try:
        listeners = [c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.pid]
        process = psutil.Process(listeners[0].pid)
        return f" by process {process.pid} ({process.name()})"
    except (psutil.Error, IndexError):
        return ""


def _await_health(emulator: Emulator, process: RunningEmulator, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.is_healthy():
            return
        if not process.is_alive():
            break
        time.sleep(0.05)
    if process.is_alive():
        raise UserError(
            f"The {emulator.name} is running as process {process.pid} and has not answered on {process.base_url} for "
            f"{_START_SECONDS:.0f} s:\n{_log_tail(_log_file(emulator, folder))}",
            repair=f"end it (kill {process.pid}) and run the same command again: its data is kept",
        )
    raise UserError(
        f"The {emulator.name} ended before it answered on {process.base_url}:\n"
        f"{_log_tail(_log_file(emulator, folder))}",
        repair=f"read {_log_file(emulator, folder)}; if its state is damaged, move {folder} away: "
        f"the next run begins "
        "with an empty account",
    )


def _log_file(emulator: Emulator, folder: Path) -> Path:
    return folder / f"{emulator.module}.log"


def _log_tail(log: Path) -> str:
    lines: Sequence[str] = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-_LOG_TAIL_LINES:])
