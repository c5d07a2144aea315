"""A fork server for emulators: each is a fork of a process that has already replayed the account's journal.

Most end-to-end tests need their own account, and starting an emulator normally replays the journal, which takes seconds
of processor time. A fork serves the same account, with the same code, as an emulator started from the same journal.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from local import servers
from local.isolation import isolate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

_REPOSITORY_ROOT = Path(__file__).parents[2]
_LARGEST_MODELS = ("ec2", "s3", "ssm", "iam", "lambda", "logs", "autoscaling", "cloudwatch", "dynamodb", "kms")
"""AWS services whose models each first deployment reads."""


@dataclass(frozen=True, kw_only=True)
class ForkServer:
    """The fork server's process; it ends with the block, but its copies continue."""

    process: subprocess.Popen[str]

    @classmethod
    def start_for(cls, account: Path) -> Self:
        """Start a fork server for copies of the stopped account in a folder."""
        command = [sys.executable, "-m", "tests.e2e.nursery", str(account / servers.AWS_EMULATOR.state_file)]
        return cls(
            process=subprocess.Popen(
                command,
                cwd=_REPOSITORY_ROOT,
                env=isolate(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=1,
                text=True,
            )
        )

    def spawn_copy(self, emulator: servers.Emulator, arguments: Sequence[str], log: Path) -> int:
        """Start an emulator on a copy of the account, and return its process ID."""
        if self.process.stdin is None or self.process.stdout is None:
            raise TypeError("the process has no pipes")
        self.process.stdin.write(json.dumps([emulator.module, list(arguments), str(log)]) + "\n")
        return int(self.process.stdout.readline())

    def __enter__(self) -> Self:
        """Return the running server."""
        self.process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the pipes, which ends the process, and wait for it."""
        self.process.__exit__(kind, error, traceback)


def main() -> None:
    """Fork a copy of this process for each line on stdin, until its owner closes the pipe."""
    from local.aws import __main__ as aws  # noqa: PLC0415 — not needed in the owner's process
    from local.aws.service_models import model_session  # noqa: PLC0415 — same reason
    from local.github import __main__ as github  # noqa: PLC0415 — same reason

    journal, app = aws.load_account(Path(sys.argv[1]))
    for service in _LARGEST_MODELS:
        model_session().get_service_model(service)

    def serve_aws(arguments: Sequence[str]) -> None:
        options = aws.parse_options(arguments)
        with aws.lock_journal(options.state):
            journal.path = options.state
            aws.serve_account(app, port=options.port)

    serve: dict[str, Callable[[Sequence[str]], object]] = {
        servers.AWS_EMULATOR.module: serve_aws,
        servers.GITHUB_EMULATOR.module: github.main,
    }
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing waits for copies that exit
    for line in sys.stdin:
        module, arguments, log = json.loads(line)
        copy = os.fork()
        if copy == 0:
            _detach_process(log)
            serve[module](arguments)
            return
        print(copy, flush=True)  # noqa: T201 — the owner reads it


def _detach_process(log: str) -> None:
    """Detach a copy, as if it had been started as a separate process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    atexit.register(os._exit, 0)  # freeing moto's objects one by one would take a second
    os.setsid()
    messages = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), messages, messages)):
        os.dup2(file, number)


if __name__ == "__main__":
    main()
