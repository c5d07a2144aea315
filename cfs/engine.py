"""Runs `pulumi` on a stack, and explains its failures.

The command line is called, not `pulumi.automation`: people keep the engine's own live display, Ctrl-C reaches the
engine itself, and an import that takes longer than a command's own work is avoided.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.stack_lock import StackLockedError
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError
from terminal.signals import raise_if_interrupted

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

_STDERR = 2


@dataclass(frozen=True, kw_only=True)
class StackEngine(ABC):
    """The engine at work on one stack.

    Its processes have a session of their own: a terminal's Ctrl-C reaches them once, through `terminal.signals`.

    Attributes:
        settings: Another file of the stack's settings than `Pulumi.<stack>.yaml`.
        answer_seconds: How long a command may take that nobody watches.
    """

    settings: Path | None = None
    answer_seconds: float = 300.0

    @property
    @abstractmethod
    def stack_name(self) -> str:
        """The stack's name."""

    @abstractmethod
    def process_environment(self) -> dict[str, str]:
        """Return the whole environment of its processes."""

    @property
    @abstractmethod
    def engine_version(self) -> str:
        """The engine's version, without a leading `v`."""

    @property
    @abstractmethod
    def work_folder(self) -> Path:
        """The folder for what the next command needs if this one dies."""

    @abstractmethod
    def read_deployment(self) -> dict[str, Any]:
        """Return the recorded state: `resources` and `pending_operations`; empty where nothing was deployed yet."""

    @abstractmethod
    def recover_stack(self) -> bool:
        """Repair what a dead run has left behind, and return whether one had died."""

    def run_operation(self, operation: str, *arguments: str, to_stderr: bool = False) -> None:
        """Run an operation that people watch, such as `up`; a signal to this process lets it end in order.

        Args:
            operation: What it is to do.
            arguments: With what.
            to_stderr: Whether all that it says goes to standard error, where standard output is for a result.
        """
        command = self._pulumi_command(operation, *arguments)
        process = subprocess.Popen(
            command,
            cwd=PROJECT_FOLDER,
            env=self.process_environment(),
            stdout=_STDERR if to_stderr else None,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        complaints = _StderrRelay(process.stderr)
        status = process.wait()
        said = complaints.kept_text()
        raise_if_interrupted()
        if status != 0:
            self._raise_known_error(said)
            raise EngineError(operation=operation, status=status)

    def query_text(self, *arguments: str) -> str:
        """Run a short command without showing it and give its output."""
        try:
            done = subprocess.run(
                [*self._pulumi_command(*arguments), "--non-interactive"],
                cwd=PROJECT_FOLDER,
                env=self.process_environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=self.answer_seconds,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"`pulumi {' '.join(arguments)}` has not answered for {self.answer_seconds:g} s.",
                repair=self._repair_of_silence(),
            ) from error
        raise_if_interrupted()
        if done.returncode != 0:
            self._raise_known_error(done.stderr)
            raise EngineError(
                operation=arguments[0],
                status=done.returncode,
                stderr=done.stderr,
                stdout=done.stdout,
            )
        return done.stdout

    def query_json(self, *arguments: str) -> Any:
        """Run a short command and read its JSON."""
        return json.loads(self.query_text(*arguments))

    def query_preview(self, *arguments: str) -> dict[str, Any]:
        """Preview and return the JSON; where the preview fails, its diagnostics say why.

        Raises:
            EngineError: It failed before it could say so in JSON.
        """
        try:
            found: dict[str, Any] = self.query_json("preview", "--json", *arguments)
        except EngineError as error:
            try:
                found = json.loads(error.stdout)
            except ValueError:
                raise error from None
            if not found.get("diagnostics"):
                raise
        return found

    def _pulumi_command(self, operation: str, *arguments: str) -> list[str]:
        path = self.process_environment()["PATH"]
        pulumi = shutil.which("pulumi", path=path)
        if pulumi is None:
            raise UserError(f"There is no pulumi on {path}.", repair="run `make up`, which gets it")
        names_stack = operation != "login" and not (operation == "stack" and "init" in arguments)
        stack = ["--stack", self.stack_name] if names_stack else []
        settings = (
            ["--config-file", str(self.settings)] if self.settings and operation in _CONFIGURED_OPERATIONS else []
        )
        return [pulumi, operation, *arguments, *stack, *settings]

    def _raise_known_error(self, said: str) -> None:
        """Raise the message that fits, if one does."""
        if "incorrect passphrase" in said:
            raise UserError(
                "The passphrase does not fit the stack's settings: their encryptionsalt was made with another one.",
                repair=f"`git checkout Pulumi.{self.stack_name}.yaml`; "
                "for a stack of your own set PULUMI_CONFIG_PASSPHRASE",
            )
        if lock := re.search(r"the stack is currently locked by .*", said, re.DOTALL):
            raise StackLockedError(lock[0], repair=self._repair_of_lock())

    @abstractmethod
    def _repair_of_lock(self) -> str:
        """Say what to do about a lock on the stack."""

    @abstractmethod
    def _repair_of_silence(self) -> str:
        """Say what to do where the engine does not answer."""


_CONFIGURED_OPERATIONS = frozenset({"up", "preview", "refresh", "destroy", "config"})
"""Operations that take `--config-file`."""


class EngineError(Exception):
    """The engine failed and has said why itself."""

    def __init__(self, *, operation: str, status: int, stderr: str = "", stdout: str = "") -> None:
        """Describe the failure.

        Args:
            operation: What the engine was to do.
            status: Its exit status; negative: the signal that ended it.
            stderr: What it wrote to its standard error and was not shown.
            stdout: What it wrote to its standard output and was not shown.
        """
        super().__init__(f"pulumi {operation} ended with status {status}\n{stderr}{stdout}".rstrip())
        self.operation = operation
        self.status = status
        self.stderr = stderr
        self.stdout = stdout


class _StderrRelay:
    """Passes the engine's standard error on to ours as it comes and keeps its end."""

    _KEPT_LINES = 200

    def __init__(self, stream: IO[str] | None) -> None:
        if stream is None:
            raise TypeError("the engine's standard error is not piped")
        self._stream = stream
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._relay_lines, daemon=True)
        self._thread.start()

    def _relay_lines(self) -> None:
        with self._stream:
            for line in self._stream:
                sys.stderr.write(line)
                sys.stderr.flush()
                self._lines = [*self._lines[1 - self._KEPT_LINES :], line]

    def kept_text(self) -> str:
        # Plugins that outlive a killed engine hold the pipe open; what it said itself has come by then.
        self._thread.join(timeout=1.0)
        return "".join(self._lines)
