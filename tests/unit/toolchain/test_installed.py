"""The user's own Pulumi is taken if it is complete and fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain import installed, versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[[str, str], Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PULUMI_HOME with the plugins of the installed SDK."""
    for name in versions.PLUGIN_NAMES:
        (tmp_path / "home" / "plugins" / f"resource-{name}-v{versions.plugin_version(name)}").mkdir(parents=True)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def pulumi(command: Command) -> Callable[[str], None]:
    def make(version: str) -> None:
        command("pulumi", f"test \"$1\" = version && echo '{version}'")
        command("pulumi-language-python", "exit 0")

    return make


def test_fitting_pulumi_is_taken_with_its_plugins(pulumi: Callable[[str], None], home: Path, tmp_path: Path) -> None:
    pulumi(f"v{versions.downloaded_engine_version()}")
    found = installed.find_installed_toolchain(tmp_path / "cache")
    assert found is not None
    assert found.origin == "path"
    assert found.version == versions.downloaded_engine_version()
    assert found.path == ()
    assert found.env == {"PULUMI_HOME": str(home)}


@pytest.mark.usefixtures("home", "bin_folder")
def test_no_pulumi_is_passed_over(tmp_path: Path) -> None:
    assert installed.find_installed_toolchain(tmp_path / "cache") is None


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("version", ["v3.1.0", "v4.0.0", "", "3.272.0", "error: broken"])
def test_other_version_is_passed_over(pulumi: Callable[[str], None], version: str, tmp_path: Path) -> None:
    pulumi(version)
    assert installed.find_installed_toolchain(tmp_path / "cache") is None


@pytest.mark.usefixtures("home")
def test_pulumi_without_its_language_host_is_passed_over(command: Command, tmp_path: Path) -> None:
    command("pulumi", f"echo v{versions.downloaded_engine_version()}")
    assert installed.find_installed_toolchain(tmp_path / "cache") is None


def test_pulumi_without_a_plugin_is_passed_over(pulumi: Callable[[str], None], home: Path, tmp_path: Path) -> None:
    pulumi(f"v{versions.downloaded_engine_version()}")
    (home / "plugins" / f"resource-github-v{versions.plugin_version('github')}").rmdir()
    assert installed.find_installed_toolchain(tmp_path / "cache") is None


@pytest.mark.usefixtures("home")
def test_pulumi_that_fails_is_passed_over(command: Command, tmp_path: Path) -> None:
    command("pulumi", "exit 1")
    command("pulumi-language-python", "exit 0")
    assert installed.find_installed_toolchain(tmp_path / "cache") is None


@pytest.mark.usefixtures("home")
def test_pulumi_that_hangs_is_passed_over(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installed, "PULUMI_VERSION_TIMEOUT_SECONDS", 0.1)
    command("pulumi", "exec sleep 60")
    command("pulumi-language-python", "exit 0")
    assert installed.find_installed_toolchain(tmp_path / "cache") is None


@pytest.mark.usefixtures("home")
def test_pulumi_of_the_cache_is_passed_over(pulumi: Callable[[str], None], tmp_path: Path) -> None:
    pulumi(f"v{versions.downloaded_engine_version()}")
    assert installed.find_installed_toolchain(tmp_path) is None
