"""Commands in a virtual machine, through qemu's guest agent.

https://www.qemu.org/docs/master/interop/qemu-ga-ref.html
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from measure.boot.guest import GUEST_ENVIRONMENT, GuestOutput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ANSWER_SECONDS = 30


class AgentSilentError(Exception):
    """The agent does not answer: its machine is booting, shutting down or busy."""


class GuestAgent:
    """The agent of one machine."""

    def __init__(self, path: Path) -> None:
        """Use the agent behind the Unix socket at this path."""
        self._path = path

    def start_command(self, command: str) -> int:
        """Start a shell command as root, and return its process ID.

        Raises:
            AgentSilentError: The agent does not answer.
        """
        program, *arguments = (*GUEST_ENVIRONMENT, "bash", "-c", command)
        with self._open_session() as session:
            started = session.ask("guest-exec", path=program, arg=arguments, **{"capture-output": "merged"})
        return int(started["pid"])

    def find_output(self, process: int) -> GuestOutput | None:
        """Return the result of a command that was started, or None if it still runs.

        Args:
            process: Its process ID.

        Raises:
            AgentSilentError: The agent does not answer.
        """
        with self._open_session() as session:
            state = session.ask("guest-exec-status", pid=process)
        return read_output(state) if state["exited"] else None

    @contextmanager
    def _open_session(self) -> Iterator[_AgentSession]:
        try:
            with socket.socket(socket.AF_UNIX) as opened:
                opened.settimeout(_ANSWER_SECONDS)
                opened.connect(str(self._path))
                session = _AgentSession(opened)
                session.skip_old_answers()
                yield session
        except (OSError, ValueError) as error:
            raise AgentSilentError from error


class _AgentSession:
    def __init__(self, opened: socket.socket) -> None:
        self._stream = opened.makefile("rw", encoding="utf-8")

    def ask(self, command: str, **arguments: object) -> Any:  # JSON of the agent
        self._stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline())
        if "return" not in answer:
            raise ValueError(answer)
        return answer["return"]

    def skip_old_answers(self) -> None:
        """Skip answers to requests of earlier sessions, which had given up."""
        number = secrets.randbelow(1 << 31)
        answer = self.ask("guest-sync", id=number)
        while answer != number:
            answer = json.loads(self._stream.readline()).get("return")


def read_output(state: dict[str, Any]) -> GuestOutput:
    """Return a command's result from the agent's last answer about it; of a killed one, the shell's status."""
    status = state.get("exitcode", 128 + state.get("signal", 0))
    return GuestOutput(status=status, text=base64.b64decode(state.get("out-data", "")).decode(errors="replace"))
