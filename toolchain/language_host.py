"""The Python language host: the plugin through which Pulumi's engine runs a Python program.

The engine starts it twice a run, once only to query the language, and waits for it each time. This module
therefore imports nothing heavy except grpc: the few responses that precede a program's run are encoded by hand,
and the Pulumi SDK is imported only to run a program.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]  # grpc publishes no type information

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LANGUAGE_SERVICE = "pulumirpc.LanguageRuntime"

ANSWER_THREADS = 8
"""Maximum number of parallel calls: one runs the program, and each policy pack takes one."""

SIGNAL_SECONDS = 1.0
"""Longest time after which a signal is handled."""

PYTHON_VERSION = ".".join(map(str, sys.version_info[:3]))

EMPTY_MESSAGE = b""
"""The encoding of a message whose fields all have their default values."""

LENGTH_DELIMITED = 2
"""Protobuf's wire type of strings."""


_end_actions: list[Callable[[], object]] = []
"""Actions to run before this process exits."""


def encode_message(*texts: str) -> bytes:
    """Encode a protobuf message whose fields are strings, numbered from 1."""
    encoded = bytearray()
    for number, text in enumerate(texts, start=1):
        content = text.encode()
        encoded += _encode_varint(number << 3 | LENGTH_DELIMITED) + _encode_varint(len(content)) + content
    return bytes(encoded)


def _encode_varint(number: int) -> bytes:
    """Encode a number in groups of 7 bits, lowest first; the high bit is set in all groups except the last."""
    if number < 1 << 7:
        return bytes([number])
    return bytes([number & 0x7F | 0x80]) + _encode_varint(number >> 7)


class LanguageHost:
    """The methods of the gRPC service; requests and responses are encoded messages."""

    def __init__(self, engine: str) -> None:
        """Store the engine's address, which receives the program's messages."""
        self._engine = engine
        self._programs: SimpleQueue[tuple[bytes, Future[bytes]]] = SimpleQueue()

    def run_programs(self) -> None:
        """Run each requested program, forever. Call this in the main thread, as programs may require that thread."""
        while True:
            try:
                # A signal that arrives just before an endless wait would be handled only after it.
                request, answer = self._programs.get(timeout=SIGNAL_SECONDS)
            except Empty:
                continue
            try:
                from toolchain import program  # noqa: PLC0415 -- loads the Pulumi SDK

                answer.set_result(program.run_program(request, engine=self._engine))
            except BaseException as failure:  # noqa: BLE001 -- without an answer the engine would wait forever
                answer.set_exception(failure)

    def method_handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """Return the handlers by method; absent methods answer 'not implemented', which the engine accepts."""
        nothing = _unary_handler(lambda _request: EMPTY_MESSAGE)
        return {
            "Handshake": nothing,
            "GetPluginInfo": nothing,
            "About": _unary_handler(lambda _request: encode_message(sys.executable, PYTHON_VERSION)),
            # The plugins are installed with the engine; the SDK states their versions in each request.
            "GetRequiredPlugins": nothing,
            "GetRequiredPackages": nothing,
            "GetProgramDependencies": nothing,
            "RuntimeOptionsPrompts": nothing,
            # The project manages the virtual environment, not the engine.
            "InstallDependencies": grpc.unary_stream_rpc_method_handler(lambda _request, _context: iter(())),
            "Run": _unary_handler(self._await_program),
            "RunPlugin": grpc.unary_stream_rpc_method_handler(_run_plugin),
            "Cancel": grpc.unary_unary_rpc_method_handler(_cancel_runs),
        }

    def _await_program(self, request: bytes) -> bytes:
        answer: Future[bytes] = Future()
        self._programs.put((request, answer))
        return answer.result()


def _unary_handler(answer: Callable[[bytes], bytes]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(lambda request, _context: answer(request))


def _run_plugin(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    from toolchain import python_plugin  # noqa: PLC0415 -- loads the Pulumi SDK

    return python_plugin.run_plugin(request, context, at_end=_end_actions.append)


def _cancel_runs(_request: bytes, context: grpc.ServicerContext) -> bytes:
    context.add_callback(end_process)
    return EMPTY_MESSAGE


def end_process(*_: object) -> None:
    """Exit immediately: the engine needs nothing more, and Python's teardown is slow."""
    for action in _end_actions:
        action()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end_with_engine() -> None:
    """Exit when stdin is closed: the engine never writes to it, so end of file means that the engine has exited."""
    while os.read(0, 4096):
        pass
    end_process()


def main() -> None:
    """Serve until the engine stops this process or exits."""
    # Under nohup this process inherits an ignored SIGINT; a handler overrides that.
    signal.signal(signal.SIGINT, end_process)
    signal.signal(signal.SIGTERM, end_process)
    host = LanguageHost(engine=sys.argv[-1])
    server = grpc.server(ThreadPoolExecutor(ANSWER_THREADS), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(LANGUAGE_SERVICE, host.method_handlers())])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 -- the engine reads it
    threading.Thread(target=_end_with_engine, daemon=True).start()
    host.run_programs()


if __name__ == "__main__":
    gc.disable()  # Until a program runs, there are only imports.
    main()
