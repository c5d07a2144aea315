"""Versions come from where they are declared."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from toolchain import versions

if TYPE_CHECKING:
    from pathlib import Path


def test_built_engine_is_the_one_of_the_go_module() -> None:
    assert (
        f"github.com/pulumi/pulumi/pkg/v3 v{versions.built_engine_version()}"
        in (versions.ENGINE_MODULE / "go.mod").read_text()
    )


def test_downloaded_engine_is_released_with_the_sdk() -> None:
    assert versions.downloaded_engine_version() == metadata.version("pulumi")


@pytest.mark.parametrize("name", ["aws", "github"])
def test_plugin_has_the_version_of_its_sdk(name: str) -> None:
    assert versions.plugin_version(name) == metadata.version(f"pulumi-{name}")


def test_engine_as_old_as_the_built_one_is_supported() -> None:
    assert versions.is_supported_engine(versions.built_engine_version())


def test_engine_of_the_sdk_is_supported() -> None:
    assert versions.is_supported_engine(versions.downloaded_engine_version())


@pytest.mark.parametrize("version", ["3.0.0", "2.99.99", "4.0.0", "4.1.2"])
def test_other_engines_are_not_supported(version: str) -> None:
    assert not versions.is_supported_engine(version)


def test_versions_are_compared_by_number() -> None:
    assert versions.version_numbers("v3.9.0") < versions.version_numbers("3.10.0-alpha.1")


def test_module_that_is_not_required_is_named(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module a\n\ngo 1.26\n")
    with pytest.raises(LookupError, match=r"example\.com/b"):
        versions.required_version(tmp_path, "example.com/b")
    assert versions.required_go_version(tmp_path) == "1.26"


def test_module_without_a_go_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module a\n")
    with pytest.raises(LookupError, match=str(tmp_path)):
        versions.required_go_version(tmp_path)
