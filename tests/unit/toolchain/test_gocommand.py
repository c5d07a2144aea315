"""Go's failures are sorted by cause, and its output is kept."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from terminal.errors import UserError
from toolchain import gocommand
from toolchain.compiler import GoCompiler
from toolchain.gocommand import GoWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[[str, str], Path]
    MakeWorkspace = Callable[[str], GoWorkspace]

NO_HOST = "go: example.com/a: Get: dial tcp: lookup proxy.invalid: no such host"


@pytest.fixture
def workspace(command: Command, tmp_path: Path) -> MakeWorkspace:
    """Make a workspace in which a shell script takes the place of Go."""

    def make(script: str) -> GoWorkspace:
        go = GoCompiler(binary=command("go", script), version="1.99")
        return GoWorkspace(go=go, folder=tmp_path, log=tmp_path / "log.txt", needed=4 << 30)

    return make


def test_output_is_given(workspace: MakeWorkspace) -> None:
    assert workspace("echo $1 $2").run_with_network("list", "a") == "list a\n"


def test_messages_are_passed_on_and_logged(workspace: MakeWorkspace) -> None:
    lines: list[str] = []
    made = workspace("echo one >&2; echo two >&2")
    made.run_with_network("list", on_line=lines.append)
    assert lines == ["one", "two"]
    assert made.log.read_text() == "$ go list\none\ntwo\n"


def test_go_runs_in_the_workspace_with_its_settings(workspace: MakeWorkspace, tmp_path: Path) -> None:
    output = workspace('pwd -P; echo "$GOTOOLCHAIN $GOWORK"').run_with_network("list")
    assert output == f"{tmp_path.resolve()}\nlocal off\n"


def test_broken_network_is_tried_again(workspace: MakeWorkspace) -> None:
    made = workspace(f"echo x >> count; test $(wc -l < count) = 3 && exit 0; echo '{NO_HOST}' >&2; exit 1")
    made.run_with_network("mod", "download")
    assert (made.folder / "count").read_text() == "x\nx\nx\n"


def test_absent_network_is_given_up(workspace: MakeWorkspace) -> None:
    made = workspace(f"echo x >> count; echo '{NO_HOST}' >&2; exit 1")
    with pytest.raises(UserError) as failure:
        made.run_with_network("mod", "download")
    assert (made.folder / "count").read_text() == "x\n" * gocommand.NETWORK_ATTEMPTS
    assert "the Go module proxy cannot be reached" in failure.value.problem
    assert NO_HOST in failure.value.problem
    assert "GOPROXY" in failure.value.repair
    assert "HTTPS_PROXY" in failure.value.repair


@pytest.mark.parametrize(
    "message",
    [
        "Get: dial tcp 127.0.0.1:9: connect: connection refused",
        "read tcp: i/o timeout",
        "proxyconnect tcp: EOF",
        "module lookup disabled by GOPROXY=off",
        "reading x: 503 Service Unavailable",
        "reading x: 403 Forbidden",
        "net/http: TLS handshake timeout",
    ],
)
def test_signs_of_a_failing_network_are_known(workspace: MakeWorkspace, message: str) -> None:
    with pytest.raises(UserError, match="the Go module proxy cannot be reached"):
        workspace(f"echo '{message}' >&2; exit 1").run_with_network("list")


def test_other_failures_are_not_tried_again(workspace: MakeWorkspace) -> None:
    made = workspace("echo x >> count; echo 'main.go:1: undefined: x' >&2; exit 1")
    with pytest.raises(UserError) as failure:
        made.run_with_network("list")
    assert (made.folder / "count").read_text() == "x\n"
    assert "undefined: x" in failure.value.problem


def test_failed_build_names_the_log(workspace: MakeWorkspace) -> None:
    made = workspace("echo 'main.go:1: syntax error: unexpected EOF' >&2; exit 1")
    with pytest.raises(UserError) as failure:
        made.run_build("-v", on_line=lambda _: None)
    assert str(made.log) in failure.value.problem
    assert "unexpected EOF" in failure.value.problem
    assert "unexpected EOF" in made.log.read_text()


def test_error_shows_the_last_lines_alone(workspace: MakeWorkspace) -> None:
    with pytest.raises(UserError) as failure:
        workspace("seq 100 >&2; exit 1").run_build(on_line=lambda _: None)
    assert "\n100" in failure.value.problem
    assert "\n50\n" not in failure.value.problem


@pytest.mark.parametrize("message", ["verifying a: checksum mismatch", "missing go.sum entry for a"])
def test_other_content_is_refused(workspace: MakeWorkspace, message: str) -> None:
    with pytest.raises(UserError) as failure:
        workspace(f"echo '{message}' >&2; exit 1").run_with_network("mod", "download")
    assert "is not what its go.sum pins" in failure.value.problem
    assert "go clean -modcache" in failure.value.repair


def test_full_disk_is_said(workspace: MakeWorkspace) -> None:
    with pytest.raises(UserError, match=r"4\.0 GB are needed"):
        workspace("echo 'write: no space left on device' >&2; exit 1").run_build(on_line=lambda _: None)


def test_endless_build_is_ended(workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gocommand, "BUILD_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(UserError, match="took too long"):
        workspace("exec sleep 60").run_build(on_line=lambda _: None)


def test_interrupted_work_ends_go(workspace: MakeWorkspace) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt(line)

    made = workspace("trap 'echo ended > ended; exit 1' INT; echo started >&2; while :; do sleep 0.05; done")
    # Tests in the background inherit that SIGINT is ignored, and pass it on; a shell could not trap it then.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            made.run_build(on_line=interrupt)
    finally:
        signal.signal(signal.SIGINT, inherited)
    assert (made.folder / "ended").read_text() == "ended\n"
