"""Processor time and memory of a command's processes, sampled while it runs."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from measure.bench.timed_commands import DEADLINE_SECONDS, failed_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from measure.bench.timed_commands import TimedCommand

PROCESS_PARTS = {
    "pulumi-resource-aws": "AWS provider",
    "pulumi-resource-github": "GitHub provider",
    "pulumi-language-python": "program",
    "pulumi-language-python-exec": "program",
    "language_host": "program",
    "pulumi-analyzer-policy-python": "policies",
    "pulumi": "engine",
    "terraform-provider-aws": "AWS provider",
    "terraform-provider-github": "GitHub provider",
    "terraform": "engine",
}
"""Parts of a run by a word of their command lines; the first that occurs counts."""

OTHER_PART = "other"

_SAMPLE_SECONDS = 0.05
_MEBIBYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class ProcessUsage:
    """Usage of one command.

    Attributes:
        processor_seconds: Processor time by part, in seconds, without the last sampling interval of each process.
        started_seconds: Time from the command's start to the first process of each part, in seconds.
        peak_mebibytes: Largest sum of the processes' proportional set sizes (PSS), in MiB.
    """

    processor_seconds: Mapping[str, float]
    started_seconds: Mapping[str, float]
    peak_mebibytes: float


@dataclass
class _Samples:
    began: float = field(default_factory=time.perf_counter)
    processor: dict[psutil.Process, tuple[str, float]] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0

    def take_sample(self, root: psutil.Process) -> None:
        """Read all processes of the tree that still live."""
        bytes_now = 0
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied), process.oneshot():
                times = process.cpu_times()
                # An ended process that nobody has waited for yet has no command line any more.
                part = self.processor[process][0] if process in self.processor else process_part(process.cmdline())
                bytes_now += process.memory_full_info().pss
                self.processor[process] = part, times.user + times.system
                self.started.setdefault(part, time.perf_counter() - self.began)
        self.peak_bytes = max(self.peak_bytes, bytes_now)

    def sum_usage(self) -> ProcessUsage:
        """Return the sums."""
        by_part: dict[str, float] = {}
        for part, seconds in self.processor.values():
            by_part[part] = by_part.get(part, 0.0) + seconds
        return ProcessUsage(
            processor_seconds=by_part, started_seconds=self.started, peak_mebibytes=self.peak_bytes / _MEBIBYTE
        )


def process_part(command_line: list[str]) -> str:
    """Return the part of a run that a process is, by its command line."""
    words = {word.rpartition("/")[2].removesuffix(".py").rpartition(".")[2] for word in command_line}
    return next((part for word, part in PROCESS_PARTS.items() if word in words), OTHER_PART)


def watch_command(command: TimedCommand) -> ProcessUsage:
    """Run a command, and sample its processes. Sampling takes processor time: do not time such a run."""
    samples = _Samples()
    process = subprocess.Popen(
        command.arguments,
        cwd=command.folder,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    root = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            samples.take_sample(root)
        if time.perf_counter() - samples.began > DEADLINE_SECONDS:
            process.kill()
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode != 0:
        raise failed_command(command, status=process.returncode, said="")
    return samples.sum_usage()
