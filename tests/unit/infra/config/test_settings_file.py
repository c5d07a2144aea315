"""Settings files mean to `cfs` what they mean to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.config.settings_file import read_stack_config
from infra.config.stack_settings import read_stack_settings
from infra.naming import LOCAL_STACK
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def settings_file(folder: Path, *lines: str) -> Path:
    path = folder / "Pulumi.local.yaml"
    own = (PROJECT_FOLDER / "Pulumi.local.yaml").read_text(encoding="utf-8")
    added = "".join(f"  claudefs-infra:{line}\n" for line in lines)
    path.write_text("# Grüße\n" + own.replace("config:\n", f"config:\n{added}", 1), encoding="utf-8")
    return path


def test_unquoted_times_days_and_numbers_are_what_the_engine_takes_them_for(tmp_path: Path) -> None:
    path = settings_file(
        tmp_path,
        "scheduleStart: 07:30",
        "scheduleStop: 18:30",
        "holidays: [2030-12-25]",
        "nodeGroups: {storage-a: {count: 0x10}, jepsen: {enabled: no}}",
    )
    config = read_stack_config(path)
    assert config["claudefs-infra:scheduleStop"] == "18:30"
    assert config["claudefs-infra:holidays"] == ["2030-12-25"]
    assert config["claudefs-infra:nodeGroups"] == {"storage-a": {"count": "0x10"}, "jepsen": {"enabled": "no"}}
    plain = settings_file(tmp_path, "scheduleStart: 07:30", "scheduleStop: 18:30", "holidays: [2030-12-25]")
    settings = read_stack_settings(LOCAL_STACK, plain)
    assert (f"{settings.schedule_start:%H:%M}", f"{settings.schedule_stop:%H:%M}") == ("07:30", "18:30")
    assert [str(day) for day in settings.holidays] == ["2030-12-25"]


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"config: [", "is not valid YAML in UTF-8"),
        ("config: {} # Grüße".encode("latin-1"), "is not valid YAML in UTF-8"),
        (b"- config", "is not an object with the key config"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=problem):
        read_stack_config(path)


@pytest.mark.parametrize("content", ["", "config:\n", "encryptionsalt: v1:a\n"])
def test_a_stack_without_settings_has_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(content, encoding="utf-8")
    assert read_stack_config(path) == {}
