"""A build fills its place in the cache, or leaves nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

from terminal.errors import UserError
from toolchain import aws_source, build, built, versions
from toolchain.part import engine_part, providers_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from toolchain.patches.source_patch import SourcePatch

    Command = Callable[[str, str], Path]


class Usage(NamedTuple):
    free: int


GO = r"""
case "$1" in
    version) echo go version go1.99 linux/amd64 ;;
    mod)
        case "$2" in
            download) printf '{"Dir": "%s"}' "$FAKE_SOURCE" ;;
            edit) echo "$3" >> edits.txt ;;
        esac ;;
    list) printf 'a\nb\n' ;;
    build)
        test -f go.mod && test -f go.sum || exit 8
        while test "$1" != -o; do shift; done
        target=$2
        shift 4
        for package; do
            name=$target$(basename "$package")
            echo "#!/bin/sh" > "$name" && chmod +x "$name"
            echo "$package" >&2
        done ;;
esac
"""


@pytest.fixture
def go(command: Command) -> None:
    command("go", GO)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the modules' sources be only the files that the build changes."""
    source = tmp_path / "modules"
    write_unpatched(source, [*engine_part().patches, *providers_part().patches])
    monkeypatch.setenv("FAKE_SOURCE", str(source))

    def copy_needed(_source: Path, target: Path, _services: frozenset[str]) -> None:
        write_unpatched(target, providers_part().patches)

    monkeypatch.setattr(aws_source, "copy_needed", copy_needed)


def write_unpatched(folder: Path, patches: Iterable[SourcePatch]) -> None:
    for patch in patches:
        file = folder / patch.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["package any", patch.function, *(old for old, _ in patch.replacements), "}\n"]))


@pytest.mark.usefixtures("go", "modules")
def test_toolchain_is_built(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    assert built.find_built_toolchain(root) is None
    made = built.build_toolchain(root)
    assert made.origin == "built"
    assert made.version == versions.built_engine_version()
    assert (made.path[0] / "pulumi").is_file()
    assert built.find_built_toolchain(root) == made


@pytest.mark.usefixtures("go", "modules")
def test_engine_finds_the_plugins_and_the_language_host(tmp_path: Path) -> None:
    made = built.build_toolchain(tmp_path / "cache")
    plugins = tmp_path.joinpath(made.env["PULUMI_HOME"], "plugins")
    assert {folder.name for folder in plugins.iterdir()} == {
        f"resource-{name}-v{versions.plugin_version(name)}" for name in ("aws", "github")
    }
    host = made.path[0] / "pulumi-language-python"
    assert host.stat().st_mode & 0o100
    assert made.env["CFS_REPOSITORY"] == str(versions.TOOLCHAIN_FOLDER.parent)


@pytest.mark.usefixtures("go", "modules")
def test_vendors_hosts_are_not_asked_by_a_built_toolchain(tmp_path: Path) -> None:
    made = built.build_toolchain(tmp_path / "cache")
    assert made.env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert made.env["PULUMI_SKIP_UPDATE_CHECK"] == "true"


@pytest.mark.usefixtures("go", "modules")
def test_part_holds_nothing_but_its_programs(tmp_path: Path) -> None:
    made = built.build_toolchain(tmp_path / "cache")
    assert {file.name for file in made.path[0].parent.rglob("*")} == {
        "bin",
        "pulumi",
        "pulumi-language-python",
    }


@pytest.mark.usefixtures("go", "modules")
def test_finished_part_is_not_built_again(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "cache"
    build.build_part(engine_part(), root, needed=0)
    command("go", "exit 1")
    build.build_part(engine_part(), root, needed=0)


@pytest.mark.usefixtures("modules")
def test_failed_build_leaves_nothing_but_its_log(tmp_path: Path, command: Command) -> None:
    command("go", GO.replace("list) printf 'a\\nb\\n' ;;", "list) echo broken >&2; exit 1 ;;"))
    root = tmp_path / "cache"
    with pytest.raises(UserError, match="broken"):
        build.build_part(engine_part(), root, needed=0)
    entry = engine_part().cache_entry(root)
    assert not entry.is_finished()
    assert list((root / "work").iterdir()) == []
    assert "broken" in entry.log_file.read_text()


@pytest.mark.usefixtures("go", "modules")
def test_changed_modules_are_replaced_by_copies(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    built.build_toolchain(root)
    engine, providers = (part.cache_entry(root).log_file.read_text() for part in (engine_part(), providers_part()))
    assert "-replace=github.com/pulumi/pulumi/pkg/v3=./copies/github.com/pulumi/pulumi/pkg/v3" in engine
    assert (
        "-replace=github.com/hashicorp/terraform-provider-aws=./copies/github.com/hashicorp/terraform-provider-aws"
        in providers
    )
    assert (
        "-replace=github.com/hashicorp/terraform-plugin-sdk/v2=./copies/github.com/hashicorp/terraform-plugin-sdk/v2"
        in providers
    )
    assert (
        "-replace=github.com/pulumi/pulumi-terraform-bridge/v3=./copies/github.com/pulumi/pulumi-terraform-bridge/v3"
        in providers
    )


@pytest.mark.usefixtures("go", "modules")
def test_debugging_symbols_are_not_compiled(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    build.build_part(engine_part(), root, needed=0)
    assert "$ go build -v -gcflags=all=-dwarf=false " in engine_part().cache_entry(root).log_file.read_text()


@pytest.mark.usefixtures("go", "modules")
def test_engine_can_make_no_folder_for_a_log_of_each_run(tmp_path: Path) -> None:
    made = built.build_toolchain(tmp_path / "cache")
    assert tmp_path.joinpath(made.env["PULUMI_HOME"], "logs").is_file()


@pytest.mark.usefixtures("go", "modules")
def test_room_for_all_missing_parts_is_asked_for_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=6 << 30))
    with pytest.raises(UserError, match=r"6\.0 GB free; 7\.0 GB are needed"):
        built.build_toolchain(tmp_path / "cache")
    build.build_part(engine_part(), tmp_path / "cache", needed=0)
    assert built.build_toolchain(tmp_path / "cache").origin == "built"
