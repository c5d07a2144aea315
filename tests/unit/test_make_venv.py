"""bin/make-venv says what is missing and how to repair it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what bin/make-venv reads."""
    for name in ("bin/make-venv", "toolchain/package-sources.txt"):
        (tmp_path / name).parent.mkdir()
        shutil.copy(PROJECT / name, tmp_path / name)
    (tmp_path / "requirements.txt").write_text("uv==0.0.0 \\\n    --hash=sha256:00\n")
    return tmp_path


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def make_venv(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "bin" / "make-venv"],
        env={"PATH": f"{checkout / 'programs'}:/usr/bin:/bin", "HOME": os.environ["HOME"], **variables},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


OLD = 'case "$1" in --version) echo "Python 3.8.18" ;; *) exit 1 ;; esac'


def test_a_python_that_is_too_old_is_named_with_its_version(checkout: Path) -> None:
    old = program(checkout / "programs", "old-python", OLD)
    failed = make_venv(checkout, PYTHON=str(old))
    assert failed.returncode == 1
    assert f"PYTHON is {old}, Python 3.8.18: 3.11 or newer is needed" in failed.stderr
    assert "repair: make PYTHON=" in failed.stderr


def test_a_python_that_does_not_exist_is_named(checkout: Path) -> None:
    failed = make_venv(checkout, PYTHON="/nowhere/python3")
    assert failed.returncode == 1
    assert "PYTHON is /nowhere/python3, which cannot be run" in failed.stderr


def test_without_any_python_that_is_new_enough_the_package_to_install_is_named(checkout: Path) -> None:
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        program(checkout / "programs", name, OLD)
    failed = make_venv(checkout)
    assert failed.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is Python 3.8.18" in failed.stderr
    assert "apt install python3 python3-venv" in failed.stderr


def test_a_full_disk_is_named_with_what_is_free(checkout: Path) -> None:
    program(checkout / "programs", "df", "printf 'Filesystem\\nx 1 1 2048 1 /\\n'")
    failed = make_venv(checkout)
    assert failed.returncode == 1
    assert "has 2 MiB free; the dependencies need 1500" in failed.stderr


def test_pip_and_uv_take_from_the_user_only_where_packages_come_from(checkout: Path) -> None:
    stand_in = program(
        checkout / "programs",
        "a-python",
        'case "$*" in *pip*) env >seen; exit 1 ;; *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;; esac',
    )
    others = ("PIP_TARGET", "PIP_REQUIRE_VIRTUALENV", "UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH")
    sources = ("PIP_INDEX_URL", "UV_INDEX_MIRROR_PASSWORD")
    given = dict.fromkeys((*others, *sources, "PIP_USER"), "of the user")

    make_venv(checkout, PYTHON=str(stand_in), **given)

    seen = dict(line.split("=", 1) for line in (checkout / "seen").read_text().splitlines())
    assert {name for name, value in seen.items() if value == "of the user"} == set(sources)
    assert seen["PIP_USER"] == "0"


def test_where_pip_fails_the_message_names_the_network_and_nothing_counts_as_ready(checkout: Path) -> None:
    stand_in = program(
        checkout / "programs",
        "a-python",
        'case "$*" in *pip*) exit 1 ;; *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;; esac',
    )

    failed = make_venv(checkout, PYTHON=str(stand_in))

    assert failed.returncode == 1
    assert "The dependencies could not be installed" in failed.stderr
    assert "repair that (the network: HTTPS_PROXY" in failed.stderr
    assert not (checkout / ".venv" / ".ready").exists()


def test_an_environment_that_was_copied_with_its_folder_is_made_anew(checkout: Path) -> None:
    stand_in = program(
        checkout / "programs",
        "a-python",
        'case "$*" in *pip*) exit 1 ;; *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;; esac',
    )
    (checkout / ".venv").mkdir()
    program(checkout / ".venv" / "bin", "python", "exit 0")
    for content, kept in ((f"{checkout}\n", True), ("/somewhere/else\n", False)):
        (checkout / ".venv" / "kept").touch()
        (checkout / ".venv" / ".ready").write_text(content)
        make_venv(checkout, PYTHON=str(stand_in))
        assert (checkout / ".venv" / "kept").exists() is kept
