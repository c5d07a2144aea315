"""Runs a policy pack or a provider written in Python as a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from pulumi.runtime.proto import language_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import grpc  # type: ignore[import-untyped]  # grpc publishes no type information

POLICY_PACK_KIND = "analyzer"
"""The plugin kind in the engine's request for a policy pack."""


def run_plugin(
    request: bytes, context: grpc.ServicerContext, *, at_end: Callable[[Callable[[], object]], object]
) -> Iterator[bytes]:
    """Start a plugin and forward its output until it exits.

    Args:
        request: An encoded RunPluginRequest.
        context: The call; when the engine ends it, the plugin is terminated.
        at_end: Registers an action to run before this process exits.

    Yields:
        Encoded RunPluginResponses: output as it arrives, and finally the exit status.
    """
    wanted = language_pb2.RunPluginRequest.FromString(request)
    with subprocess.Popen(
        [sys.executable, "-u", *_plugin_arguments(wanted)],
        cwd=wanted.pwd or None,
        env=dict(setting.split("=", 1) for setting in wanted.env) or dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        context.add_callback(process.terminate)
        at_end(process.terminate)
        for response in _plugin_output(process):
            yield response.SerializeToString()
        yield language_pb2.RunPluginResponse(exitcode=process.wait()).SerializeToString()


def _plugin_arguments(wanted: language_pb2.RunPluginRequest) -> list[str]:
    program = wanted.info.program_directory
    if wanted.kind == POLICY_PACK_KIND:
        return ["-m", "pulumi.policy", *wanted.args, program]
    return [program, *wanted.args]


def _plugin_output(process: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """Yield the lines of both streams as they arrive."""
    responses: SimpleQueue[language_pb2.RunPluginResponse | None] = SimpleQueue()

    def read_stdout() -> None:
        for line in process.stdout or ():
            responses.put(language_pb2.RunPluginResponse(stdout=line))
        responses.put(None)

    def read_stderr() -> None:
        for line in process.stderr or ():
            responses.put(language_pb2.RunPluginResponse(stderr=line))
        responses.put(None)

    readers = (read_stdout, read_stderr)
    for reader in readers:
        threading.Thread(target=reader, daemon=True).start()
    for _ in readers:
        while (response := responses.get()) is not None:
            yield response
