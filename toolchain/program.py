"""Runs a Pulumi program in this process."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]  # grpc publishes no type information
import pulumi
from pulumi.runtime import Settings, configure, resource, run_in_stack, set_all_config
from pulumi.runtime.proto import language_pb2
from pulumi.runtime.proto.source_pb2 import StackTrace

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS_PER_OPERATION = 4
"""Threads for each parallel resource operation; the same number as in Pulumi's own host."""

PROGRAM_FILE = "__main__.py"

IS_VERBOSE = any(argument.startswith("-v=") for argument in sys.argv)
"""Whether the engine was run with `--logflow -v=1` or higher."""

COLLECTOR_THRESHOLDS = (50_000, 20, 50)
"""Thresholds of Python's garbage collector. Importing a provider's SDK creates half a million objects that are never
freed; with Python's defaults, collection takes a fifth of a preview's time in this process."""

INTERNAL_FOLDERS = tuple(f"{Path(str(module.__file__)).parent}{os.sep}" for module in (pulumi, asyncio, grpc))
"""Folders of the library code whose frames precede the user's in a traceback."""


def run_program(request: bytes, *, engine: str) -> bytes:
    """Run the program named in a request.

    Args:
        request: An encoded RunRequest.
        engine: The engine's address, which receives the program's messages.

    Returns:
        An encoded RunResponse. A failure that it contains has already been reported to the engine.
    """
    wanted = language_pb2.RunRequest.FromString(request)
    _configure_runtime(wanted, engine)
    gc.freeze()  # Modules imported so far are never freed; the collector need not scan them.
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    gc.enable()
    entry = _entry_file(wanted)
    if entry.is_file():
        problem = _run_failure(lambda: _execute_file(entry), parallel=wanted.parallel)
    else:
        problem = f"There is no program {entry}."
    if problem:
        pulumi.log.error(problem)
    response: bytes = language_pb2.RunResponse(bail=bool(problem)).SerializeToString()
    return response


def _configure_runtime(wanted: language_pb2.RunRequest, engine: str) -> None:
    set_all_config(dict(wanted.config), list(wanted.configSecretKeys))
    configure(
        Settings(
            project=wanted.project,
            stack=wanted.stack,
            monitor=wanted.monitor_address,
            engine=engine,
            parallel=wanted.parallel,
            dry_run=wanted.dryRun,
            organization=wanted.organization or "organization",
            root_directory=wanted.info.root_directory,
        )
    )
    if not IS_VERBOSE:
        # There are four for each resource, each a call that blocks the program, and the engine drops them.
        pulumi.log.debug = _drop_message
    # Only Pulumi Cloud shows where each resource was declared; it is a quarter of the state, which the engine writes
    # after each step.
    resource._get_stack_trace = StackTrace  # noqa: SLF001 -- the SDK has no option for it
    # When part of a deployment fails, unawaited futures are normal.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    os.chdir(wanted.pwd or ".")


def _drop_message(*_message: object, **_about: object) -> None:
    """Discard a debug message of the SDK."""


def _entry_file(wanted: language_pb2.RunRequest) -> Path:
    named = Path(wanted.info.program_directory or ".", wanted.info.entry_point or ".").absolute()
    return named / PROGRAM_FILE if named.is_dir() else named


def _execute_file(entry: Path) -> None:
    """Execute a source file as the module `__main__`, as Python does; cached bytecode is never used."""
    code = compile(entry.read_bytes(), str(entry), "exec", dont_inherit=True)
    module = ModuleType("__main__")
    module.__file__ = str(entry)
    sys.modules["__main__"] = module
    sys.argv = [str(entry)]
    sys.path.insert(0, str(entry.parent))
    exec(code, module.__dict__)  # noqa: S102 -- executing a program is this file's purpose


def _run_failure(program: Callable[[], None], *, parallel: int) -> str | None:
    """Run a program; describe its failure, or return None."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max(parallel, 1) * THREADS_PER_OPERATION)
    loop.set_default_executor(executor)
    try:
        loop.run_until_complete(run_in_stack(program))
    except pulumi.RunError as stop:
        return str(stop)
    except SystemExit as stop:
        return f"The program ended with status {stop.code}." if stop.code else None
    except grpc.RpcError as failure:
        return _rpc_problem(failure)
    except BaseException as failure:  # noqa: BLE001 -- the user must see whatever a program raises
        return f"The program failed:\n{user_traceback(failure)}"
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return None


def _rpc_problem(failure: grpc.RpcError) -> str | None:
    """Describe a failed call to the engine; return None if the engine is shutting down."""
    if failure.code() == grpc.StatusCode.UNAVAILABLE:
        return None
    return str(failure.details())


def user_traceback(failure: BaseException) -> str:
    """Format an exception, starting with the first frame of the user's code."""
    report = traceback.TracebackException.from_exception(failure)
    _drop_internal_frames(report)
    return "".join(report.format()).rstrip()


def _drop_internal_frames(report: traceback.TracebackException) -> None:
    while report.stack and _is_internal(report.stack[0].filename):
        del report.stack[0]
    for other in (report.__cause__, report.__context__):
        if other is not None:
            _drop_internal_frames(other)


def _is_internal(file: str) -> bool:
    return file == __file__ or file.startswith(("<frozen ", *INTERNAL_FOLDERS))
