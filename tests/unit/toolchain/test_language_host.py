"""The language host answers the engine, runs programs and ends with the engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # grpc publishes no type information
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # it publishes no type information
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from infra.project import PROJECT_FOLDER
from toolchain import language_host, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT = 30
"""Seconds for an answer."""


@dataclass
class Engine(engine_pb2_grpc.EngineServicer, resource_pb2_grpc.ResourceMonitorServicer):
    """As much of Pulumi's engine as a program without resources needs."""

    address: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def Log(  # noqa: N802 -- the service names it so
        self, request: engine_pb2.LogRequest, _: object
    ) -> empty_pb2.Empty:
        self.messages.append((engine_pb2.LogSeverity.Name(request.severity), request.message))
        return empty_pb2.Empty()

    def SupportsFeature(  # noqa: N802 -- the service names it so
        self, *_: object
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=False)

    def RegisterResource(  # noqa: N802 -- the service names it so
        self, *_: object
    ) -> resource_pb2.RegisterResourceResponse:
        return resource_pb2.RegisterResourceResponse(urn="urn:pulumi:dev::probe::pulumi:pulumi:Stack::probe-dev")

    def RegisterResourceOutputs(  # noqa: N802 -- the service names it so
        self, request: resource_pb2.RegisterResourceOutputsRequest, _: object
    ) -> empty_pb2.Empty:
        self.outputs.append(dict(request.outputs))
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(  # noqa: N802 -- the service names it so
        self, *_: object
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()


@pytest.fixture(scope="module")
def served_engine() -> Iterator[Engine]:
    served = Engine()
    server = grpc.server(ThreadPoolExecutor(4))
    engine_pb2_grpc.add_EngineServicer_to_server(served, server)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(served, server)
    served.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield served
    server.stop(None).wait()


@dataclass
class Host:
    """A running language host."""

    process: subprocess.Popen[str]
    channel: grpc.Channel
    runtime: Any
    """Its methods."""

    def ended(self) -> int:
        return self.process.wait(LIMIT)

    def kill(self) -> None:
        self.channel.close()
        with self.process as process:
            process.kill()


@pytest.fixture
def engine(served_engine: Engine) -> Engine:
    """The engine, which has heard nothing yet."""
    served_engine.messages.clear()
    served_engine.outputs.clear()
    return served_engine


def start_host(engine: Engine, *options: str) -> Host:
    """Start a language host as the engine does."""
    environment = {
        **os.environ,
        "CFS_REPOSITORY": str(versions.TOOLCHAIN_FOLDER.parent),
        "CFS_PYTHON": sys.executable,
        "PYTHONWARNINGS": "",
    }
    process = subprocess.Popen(
        [str(versions.TOOLCHAIN_FOLDER / "bin" / "pulumi-language-python"), *options, engine.address],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    channel = grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}")
    return Host(process=process, channel=channel, runtime=language_pb2_grpc.LanguageRuntimeStub(channel))


@pytest.fixture
def start(engine: Engine) -> Iterator[Callable[..., Host]]:
    """Start language hosts of the test's own."""
    running: list[Host] = []

    def make(*options: str) -> Host:
        running.append(start_host(engine, *options))
        return running[-1]

    yield make
    for host in running:
        host.kill()


@pytest.fixture(scope="module")
def shared_host(served_engine: Engine) -> Iterator[Host]:
    """A language host for tests that only ask it: most of a start goes into the import of Pulumi's SDK."""
    host = start_host(served_engine)
    yield host
    host.kill()


@pytest.fixture
def run(shared_host: Host, engine: Engine, tmp_path: Path) -> Callable[..., Any]:
    """Run a program's text and give the answer."""

    def make(text: str, *, host: Host = shared_host) -> Any:
        (tmp_path / "__main__.py").write_text(text)
        request = language_pb2.RunRequest(
            project="probe",
            stack="dev",
            organization="org",
            pwd=str(tmp_path),
            monitor_address=engine.address,
            parallel=4,
            dryRun=True,
            config={"probe:color": "blue"},
            info=language_pb2.ProgramInfo(
                root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point="."
            ),
        )
        return host.runtime.Run(request, timeout=LIMIT)

    return make


def messages(engine: Engine, severity: str) -> list[str]:
    return [message for of, message in engine.messages if of == severity]


def errors(engine: Engine) -> list[str]:
    return messages(engine, "ERROR")


def test_texts_are_encoded_as_protobuf_does() -> None:
    for texts in [("a", "b"), ("", "ü" * 100), ("x" * 20_000, "")]:
        encoded = language_host.encode_message(*texts)
        decoded = language_pb2.AboutResponse.FromString(encoded)
        assert (decoded.executable, decoded.version) == texts


def test_host_tells_of_its_python(shared_host: Host) -> None:
    about = shared_host.runtime.About(language_pb2.AboutRequest(), timeout=LIMIT)
    assert about.executable == sys.executable
    assert about.version == ".".join(map(str, sys.version_info[:3]))


def test_host_needs_no_further_plugins(shared_host: Host) -> None:
    runtime = shared_host.runtime
    assert not runtime.GetPluginInfo(empty_pb2.Empty(), timeout=LIMIT).version
    assert not runtime.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(), timeout=LIMIT).packages
    assert list(runtime.InstallDependencies(language_pb2.InstallDependenciesRequest(), timeout=LIMIT)) == []


@pytest.mark.parametrize("options, times", [((), 0), (("--logtostderr", "-v=9"), 1)])
def test_debug_messages_are_sent_where_somebody_asks_for_them(
    start: Callable[..., Host], run: Callable[..., Any], engine: Engine, options: tuple[str, ...], times: int
) -> None:
    run("import pulumi\npulumi.log.debug('a detail')\npulumi.log.info('the news')", host=start(*options))
    assert messages(engine, "DEBUG").count("a detail") == times
    assert messages(engine, "INFO") == ["the news"]


def test_unknown_method_is_not_implemented(shared_host: Host) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        shared_host.runtime.Pack(language_pb2.PackRequest(), timeout=LIMIT)
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_answers_before_a_program_need_no_sdk() -> None:
    text = "import sys, toolchain.language_host; print('pulumi' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", text],
        cwd=versions.TOOLCHAIN_FOLDER.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT,
    ).stdout
    assert output == "False\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_host_quietly(start: Callable[[], Host], number: signal.Signals) -> None:
    host = start()
    host.runtime.GetPluginInfo(empty_pb2.Empty(), timeout=LIMIT)
    host.process.send_signal(number)
    assert host.ended() == 0
    assert host.process.stderr is not None
    assert host.process.stderr.read() == ""


def test_a_signal_that_arrives_just_before_the_wait_ends_the_host() -> None:
    # `interrupt_main` notes a signal without interrupting the wait, as a signal does that arrives just before it.
    source = (
        "import _thread, signal, threading\n"
        "from toolchain import language_host\n"
        "signal.signal(signal.SIGTERM, language_host.end_process)\n"
        "threading.Timer(0.2, _thread.interrupt_main, [signal.SIGTERM]).start()\n"
        "language_host.LanguageHost(engine='').run_programs()\n"
    )
    subprocess.run([sys.executable, "-c", source], cwd=PROJECT_FOLDER, check=True, timeout=LIMIT)


def test_ignored_interrupt_is_heard_all_the_same(
    start: Callable[[], Host],
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        host = start()
    finally:
        signal.signal(signal.SIGINT, before)
    host.runtime.GetPluginInfo(empty_pb2.Empty(), timeout=LIMIT)
    host.process.send_signal(signal.SIGINT)
    assert host.ended() == 0


def test_host_ends_when_the_engine_is_gone(start: Callable[[], Host]) -> None:
    host = start()
    assert host.process.stdin is not None
    host.process.stdin.close()
    assert host.ended() == 0


def test_host_ends_after_it_has_answered_a_cancellation(start: Callable[[], Host]) -> None:
    host = start()
    host.runtime.Cancel(empty_pb2.Empty(), timeout=LIMIT)
    assert host.ended() == 0


def test_program_that_runs_is_ended_with_the_host(start: Callable[[], Host], engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import time\nprint('running', flush=True)\ntime.sleep(60)\n")
    host = start()
    request = language_pb2.RunRequest(
        project="probe",
        stack="dev",
        pwd=str(tmp_path),
        monitor_address=engine.address,
        info=language_pb2.ProgramInfo(program_directory=str(tmp_path), entry_point="."),
    )
    call = host.runtime.Run.future(request, timeout=LIMIT)
    assert host.process.stdout is not None
    assert host.process.stdout.readline() == "running\n"
    host.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert host.ended() == 0
    assert time.monotonic() - began < 5
    assert call.exception(timeout=LIMIT) is not None


def test_program_gives_its_outputs(run: Callable[[str], Any], engine: Engine) -> None:
    answer = run("import pulumi\npulumi.export('color', pulumi.Config().require('color'))\n")
    assert not answer.bail
    assert not answer.error
    assert engine.outputs == [{"color": "blue"}]


PROBE = """
import os, sys, threading
import pulumi
from neighbor import here

pulumi.export("seen", {
    "name": __name__,
    "file": __file__,
    "arguments": sys.argv,
    "folder": os.getcwd(),
    "neighbor": here,
    "is_main": sys.modules["__main__"].__dict__ is globals(),
    "in_main_thread": threading.current_thread() is threading.main_thread(),
    "stack": [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()],
    "dry_run": pulumi.runtime.is_dry_run(),
})
"""


def test_program_sees_what_python_would_show_it(run: Callable[[str], Any], engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "neighbor.py").write_text("here = 'neighbor'\n")
    run(PROBE)
    file = str(tmp_path / "__main__.py")
    [outputs] = engine.outputs
    assert dict(outputs["seen"]) | {"arguments": list(outputs["seen"]["arguments"])} | {
        "stack": list(outputs["seen"]["stack"])
    } == {
        "name": "__main__",
        "file": file,
        "arguments": [file],
        "folder": str(tmp_path),
        "neighbor": "neighbor",
        "is_main": True,
        "in_main_thread": True,
        "stack": ["probe", "dev", "org"],
        "dry_run": True,
    }


def test_changed_program_is_run_even_if_its_size_and_time_are_the_same(
    start: Callable[[], Host], run: Callable[..., Any], engine: Engine
) -> None:
    for color in ("red ", "blue"):
        text = f"import os, pulumi\nos.utime(__file__, (1, 1))\npulumi.export('color', '{color}')\n"
        run(text, host=start())
    assert [outputs["color"] for outputs in engine.outputs] == ["red ", "blue"]


def test_prints_come_at_once(start: Callable[[], Host], engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import time\nprint('first')\ntime.sleep(60)\n")
    host = start()
    request = language_pb2.RunRequest(
        pwd=str(tmp_path),
        monitor_address=engine.address,
        info=language_pb2.ProgramInfo(program_directory=str(tmp_path), entry_point="."),
    )
    call = host.runtime.Run.future(request, timeout=LIMIT)
    assert host.process.stdout is not None
    assert host.process.stdout.readline() == "first\n"
    assert not call.done()


def test_failure_is_told_once_with_the_users_frames(run: Callable[[str], Any], engine: Engine, tmp_path: Path) -> None:
    answer = run("def inner():\n    raise ValueError('broken')\n\n\ninner()\n")
    assert answer.bail
    assert not answer.error
    [message] = errors(engine)
    file = tmp_path / "__main__.py"
    # Newer Pythons underline the failing expression.
    assert [line for line in message.splitlines() if line.strip(" ~^")] == [
        "The program failed:",
        "Traceback (most recent call last):",
        f'  File "{file}", line 5, in <module>',
        "    inner()",
        f'  File "{file}", line 2, in inner',
        "    raise ValueError('broken')",
        "ValueError: broken",
    ]


def test_failure_in_an_apply_shows_the_users_frames(run: Callable[[str], Any], engine: Engine) -> None:
    run(
        "import pulumi\n\n\ndef fail(_):\n    raise KeyError('gone')\n\n\n"
        "pulumi.export('x', pulumi.Output.from_input(1).apply(fail))\n"
    )
    [message] = errors(engine)
    assert message.splitlines()[2:3] == [line for line in message.splitlines() if "in fail" in line]
    assert "KeyError: 'gone'" in message


def test_cause_of_a_failure_is_shown_too(run: Callable[[str], Any], engine: Engine) -> None:
    run("try:\n    1 / 0\nexcept ZeroDivisionError as cause:\n    raise RuntimeError('no') from cause\n")
    [message] = errors(engine)
    assert "ZeroDivisionError" in message
    assert "RuntimeError: no" in message
    assert "toolchain" not in message


@pytest.mark.parametrize(
    "text, expected",
    [
        ("import pulumi\nraise pulumi.RunError('say this')\n", "say this"),
        ("import sys\nsys.exit(3)\n", "The program ended with status 3."),
        ("import sys\nsys.exit('said so')\n", "The program ended with status said so."),
    ],
)
def test_end_on_purpose_is_told_without_a_traceback(
    run: Callable[[str], Any], engine: Engine, text: str, expected: str
) -> None:
    assert run(text).bail
    assert errors(engine) == [expected]


def test_exit_without_a_status_is_no_failure(run: Callable[[str], Any], engine: Engine) -> None:
    assert not run("import sys\nsys.exit()\n").bail
    assert errors(engine) == []


def test_syntax_error_shows_its_line(run: Callable[[str], Any], engine: Engine) -> None:
    assert run("x = (\n").bail
    [message] = errors(engine)
    assert "line 1\n    x = (" in message
    assert "toolchain" not in message


def test_absent_program_is_named(shared_host: Host, engine: Engine, tmp_path: Path) -> None:
    request = language_pb2.RunRequest(
        pwd=str(tmp_path),
        monitor_address=engine.address,
        info=language_pb2.ProgramInfo(program_directory=str(tmp_path), entry_point="."),
    )
    assert shared_host.runtime.Run(request, timeout=LIMIT).bail
    assert errors(engine) == [f"There is no program {tmp_path / '__main__.py'}."]


def test_failure_before_the_program_is_answered(shared_host: Host, engine: Engine, tmp_path: Path) -> None:
    request = language_pb2.RunRequest(pwd=str(tmp_path / "absent"), monitor_address=engine.address)
    with pytest.raises(grpc.RpcError) as failure:
        shared_host.runtime.Run(request, timeout=LIMIT)
    assert "No such file or directory" in failure.value.details()


def test_plugin_runs_with_its_output_passed_on(shared_host: Host, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ['COLOR'])\nprint('careful', file=sys.stderr)\nsys.exit(3)\n"
    )
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path),
        args=["engine"],
        env=["COLOR=blue=green", f"PATH={os.environ['PATH']}"],
        kind="resource",
        info=language_pb2.ProgramInfo(program_directory=str(tmp_path)),
    )
    responses = list(shared_host.runtime.RunPlugin(request, timeout=LIMIT))
    assert [response.stdout for response in responses if response.stdout] == [b"['engine'] blue=green\n"]
    assert [response.stderr for response in responses if response.stderr] == [b"careful\n"]
    assert responses[-1].exitcode == 3


def test_policy_pack_runs_under_the_policy_module(shared_host: Host, tmp_path: Path) -> None:
    package = tmp_path / "pulumi"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "policy.py").write_text("import sys\nprint(sys.argv[1:])\n")
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path),
        args=["engine"],
        env=[f"PYTHONPATH={tmp_path}"],
        kind="analyzer",
        info=language_pb2.ProgramInfo(program_directory="pack"),
    )
    responses = list(shared_host.runtime.RunPlugin(request, timeout=LIMIT))
    assert responses[0].stdout == b"['engine', 'pack']\n"


def test_plugin_ends_when_the_engine_leaves_it(shared_host: Host, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import os, time\nprint(os.getpid())\ntime.sleep(60)\n")
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path), kind="resource", info=language_pb2.ProgramInfo(program_directory=str(tmp_path))
    )
    call = shared_host.runtime.RunPlugin(request, timeout=LIMIT)
    number = int(next(call).stdout)
    call.cancel()
    wait_for_end(number)


def test_plugin_ends_with_the_host(start: Callable[[], Host], tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import os, time\nprint(os.getpid())\ntime.sleep(60)\n")
    host = start()
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path), kind="resource", info=language_pb2.ProgramInfo(program_directory=str(tmp_path))
    )
    number = int(next(host.runtime.RunPlugin(request, timeout=LIMIT)).stdout)
    host.process.send_signal(signal.SIGINT)
    assert host.ended() == 0
    wait_for_end(number)


def wait_for_end(number: int) -> None:
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail(f"process {number} runs on")
