"""Emulators that start with a deployed account in memory: copies of a process that has replayed its journal once.

A start replays the journal otherwise, which takes seconds of processor time; most end-to-end tests want an account of
their own. What a copy serves is what a start from the same journal serves, by the same code.
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


@dataclass(frozen=True, kw_only=True)
class ForkServer:
    """The process as its owner sees it; it ends with the block, and its copies go on."""

    process: subprocess.Popen[str]

    @classmethod
    def start_for(cls, account: Path) -> Self:
        """Start one for copies of an account at rest, which is in a folder."""
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
        """Start an emulator on a copy of the account, and give its process's number."""
        if self.process.stdin is None or self.process.stdout is None:
            raise TypeError("the process has no pipes")
        self.process.stdin.write(json.dumps([emulator.module, list(arguments), str(log)]) + "\n")
        return int(self.process.stdout.readline())

    def __enter__(self) -> Self:
        """Begin."""
        self.process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let it end, as nobody will ask it any more."""
        self.process.__exit__(kind, error, traceback)


def main() -> None:
    """Make a copy of this process for each line that comes, until its owner is gone."""
    from local.aws import __main__ as aws  # noqa: PLC0415 — the owner has no use for it
    from local.github import __main__ as github  # noqa: PLC0415 — likewise

    journal, app = aws.load_account(Path(sys.argv[1]))

    def serve_aws(arguments: Sequence[str]) -> None:
        options = aws.parse_options(arguments)
        with aws.lock_journal(options.state):
            journal.path = options.state
            aws.serve_account(app, port=options.port)

    serve: dict[str, Callable[[Sequence[str]], object]] = {
        servers.AWS_EMULATOR.module: serve_aws,
        servers.GITHUB_EMULATOR.module: github.main,
    }
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a copy that ends
    for line in sys.stdin:
        module, arguments, log = json.loads(line)
        copy = os.fork()
        if copy == 0:
            _detach_process(log)
            serve[module](arguments)
            return
        print(copy, flush=True)  # noqa: T201 — the owner reads it


def _detach_process(log: str) -> None:
    """Make a copy a process like one that was started by itself."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    atexit.register(os._exit, 0)  # to free what moto holds, object by object, takes a second
    os.setsid()
    messages = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), messages, messages)):
        os.dup2(file, number)


if __name__ == "__main__":
    main()
