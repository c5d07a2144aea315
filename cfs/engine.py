"""Runs `pulumi` on a stack, and explains its failures.

This calls the command line instead of `pulumi.automation`: users keep the engine's live display, Ctrl-C reaches the
engine, and there is no import that takes longer than the command's own work.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfs.stack_lock import StackLockedError
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError
from terminal.signals import raise_if_interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

_STDERR = 2

POLICY_PACK = PROJECT_FOLDER / "policies"
"""The project's policy pack."""

POLICY_PACK_VARIABLE = "PULUMI_OPTION_POLICY_PACK"
"""Environment variable in place of the option `--policy-pack`, for plain `pulumi`."""

POLICY_EVENTS = "policyEvents"
"""Key of the policies' events in a preview's JSON, to which the engine does not add them itself."""

ENGINE_SETTINGS = {
    "PULUMI_PARALLEL": "16",
    "PULUMI_PARALLEL_DIFF": "true",
}
"""Pulumi's settings that docs/benchmarks.md found faster than its defaults: operations on resources at a time, and
comparisons of resources side by side. On a real account, the user's own values take precedence."""


@dataclass(frozen=True, kw_only=True)
class StackEngine(ABC):
    """Pulumi's engine for one stack.

    The engine runs in a new session, so that a terminal's Ctrl-C reaches it only once, through `terminal.signals`.

    Attributes:
        settings: Settings file that replaces `Pulumi.<stack>.yaml`; None for that file.
        policy_pack: Policy pack that previews and deployments must satisfy; None for no policies.
        answer_seconds: Time-out in seconds of a command whose output is captured.
    """

    settings: Path | None = None
    policy_pack: Path | None = POLICY_PACK
    answer_seconds: float = 300.0

    @property
    @abstractmethod
    def stack_name(self) -> str:
        """The stack's name."""

    @abstractmethod
    def process_environment(self) -> dict[str, str]:
        """Return the complete environment of the engine's processes."""

    @property
    @abstractmethod
    def engine_version(self) -> str:
        """The engine's version, without a leading `v`."""

    @property
    @abstractmethod
    def work_folder(self) -> Path:
        """Folder of the files that the next command needs if this one dies."""

    @abstractmethod
    def read_deployment(self) -> dict[str, Any]:
        """Return the recorded state (`resources`, `pending_operations`); empty before the first deployment."""

    @abstractmethod
    def recover_stack(self) -> bool:
        """Repair the stack after a dead run, and return whether a run had died."""

    def run_operation(self, operation: str, *arguments: str, to_stderr: bool = False) -> None:
        """Run an operation with live output, such as `up`. A signal to this process interrupts the engine gracefully.

        Args:
            operation: Pulumi command.
            arguments: Arguments of the command.
            to_stderr: Write all output to standard error, and leave standard output to the command's result.
        """
        command = self._pulumi_command(operation, *arguments)
        process = subprocess.Popen(
            command,
            cwd=PROJECT_FOLDER,
            env=_complete_environment(self.process_environment()),
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
        """Run a command without showing its output, and return the output."""
        try:
            done = subprocess.run(
                [*self._pulumi_command(*arguments), "--non-interactive"],
                cwd=PROJECT_FOLDER,
                env=_complete_environment(self.process_environment()),
                capture_output=True,
                text=True,
                check=False,
                timeout=self.answer_seconds,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"`pulumi {' '.join(arguments)}` did not answer within {self.answer_seconds:g} s.",
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
        """Run a command without showing its output, and return the parsed JSON."""
        return json.loads(self.query_text(*arguments))

    def query_preview(self, *arguments: str) -> dict[str, Any]:
        """Run a preview and return its JSON; if the preview fails, the diagnostics or policy events contain the reason.

        Raises:
            EngineError: The preview failed without diagnostics in JSON.
        """
        with tempfile.TemporaryDirectory(prefix="cfs-preview-") as folder:
            log = Path(folder, "events.json")
            try:
                found: dict[str, Any] = self.query_json("preview", "--json", "--event-log", str(log), *arguments)
            except EngineError as error:
                try:
                    found = json.loads(error.stdout)
                except ValueError:
                    raise error from None
                if not found.get("diagnostics"):
                    raise
            return {**found, POLICY_EVENTS: _read_policy_events(log)}

    def _pulumi_command(self, operation: str, *arguments: str) -> list[str]:
        path = self.process_environment()["PATH"]
        pulumi = shutil.which("pulumi", path=path)
        if pulumi is None:
            raise UserError(f"There is no pulumi on {path}.", repair="run `make up`, which installs it")
        names_stack = operation != "login" and not (operation == "stack" and "init" in arguments)
        stack = ["--stack", self.stack_name] if names_stack else []
        settings = (
            ["--config-file", str(self.settings)] if self.settings and operation in _CONFIGURED_OPERATIONS else []
        )
        policies = (
            ["--policy-pack", str(self.policy_pack)] if self.policy_pack and operation in _CHECKED_OPERATIONS else []
        )
        return [pulumi, operation, *arguments, *stack, *settings, *policies]

    def _raise_known_error(self, said: str) -> None:
        """Raise an error with a repair if the output contains a known failure."""
        if "incorrect passphrase" in said:
            raise UserError(
                "The passphrase does not fit the stack's settings: their encryptionsalt belongs to another one.",
                repair=f"`git checkout Pulumi.{self.stack_name}.yaml`; "
                "for a stack of your own set PULUMI_CONFIG_PASSPHRASE",
            )
        if lock := re.search(r"the stack is currently locked by .*", said, re.DOTALL):
            raise StackLockedError(lock[0], repair=self._repair_of_lock())

    @abstractmethod
    def _repair_of_lock(self) -> str:
        """Return the repair for a locked stack."""

    @abstractmethod
    def _repair_of_silence(self) -> str:
        """Return the repair for an engine that does not answer."""


_CONFIGURED_OPERATIONS = frozenset({"up", "preview", "refresh", "destroy", "config"})
"""Operations that take `--config-file`."""

_CHECKED_OPERATIONS = frozenset({"up", "preview"})
"""Operations that check policies."""


class EngineError(Exception):
    """The engine failed, and its own output explains the failure."""

    def __init__(self, *, operation: str, status: int, stderr: str = "", stdout: str = "") -> None:
        """Describe the failure.

        Args:
            operation: Pulumi command.
            status: Exit status; a negative value is the signal that killed the engine.
            stderr: Standard error that was captured and not shown.
            stdout: Standard output that was captured and not shown.
        """
        super().__init__(f"pulumi {operation} ended with status {status}\n{stderr}{stdout}".rstrip())
        self.operation = operation
        self.status = status
        self.stderr = stderr
        self.stdout = stdout


def _complete_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Add USER, which Pulumi needs if the user ID has no account, and the variables that Pulumi reads as options."""
    defaults = {"USER": str(os.getuid()), **ENGINE_SETTINGS}
    return {**defaults, **environment, "PULUMI_DEBUG_COMMANDS": "true"}


def _read_policy_events(log: Path) -> list[dict[str, Any]]:
    """Return the policies' events in the engine's log, which has one JSON object per line."""
    if not log.exists():
        return []
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if '"policyEvent"' in line]
    return [event["policyEvent"] for event in map(json.loads, lines) if "policyEvent" in event]


class _StderrRelay:
    """Relays the engine's standard error to ours, and keeps the last lines."""

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
        # Plugins that outlive a killed engine keep the pipe open; the engine's own output has arrived by then.
        self._thread.join(timeout=1.0)
        return "".join(self._lines)
