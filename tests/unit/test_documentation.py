"""The documentation names only commands, options, targets and files that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.core import TyperGroup

from cli.app import LAZY_COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))}
FOLDERS = (
    "bin",
    "cfs",
    "cli",
    "costs",
    "docs",
    "guard",
    "policies",
    "infra",
    "local",
    "measure",
    "terminal",
    "tests",
    "toolchain",
    ".ci",
)

COMMAND = re.compile(
    r"(?:^|[`$(;&|] ?|: )cfs((?: [a-z][a-z-]*)+)((?: --?[a-z-]+(?:[ =][^\s`-][^\s`]*)?)*)", re.MULTILINE
)
TARGET = re.compile(r"(?:^|[`;&] ?)make ([a-z][a-z-]*)", re.MULTILINE)
FILE = re.compile(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*(?:\.\w+|/))`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def unknown_part(words: str, options: str) -> str:
    """Return the first word or option of a command line that `cfs` does not know, or ""."""
    first, *others = words.split()
    if first not in LAZY_COMMANDS:
        return first
    command = import_command(first)
    context = typer.Context(command)
    for word in others:
        if not isinstance(command, TyperGroup):
            break
        command = command.get_command(context, word)
        if command is None:
            return word
        context = typer.Context(command, parent=context)
    known = {name for parameter in command.get_params(context) for name in parameter.opts + parameter.secondary_opts}
    return next((option for option in re.findall(r"--[a-z-]+", options) if option not in known), "")


@cache
def import_command(name: str) -> Any:
    return LAZY_COMMANDS[name].import_command(name)


def dead_references(page: Path) -> Iterator[str]:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for match in COMMAND.finditer(text):
        if unknown := unknown_part(match[1], match[2]):
            yield f"cfs{match[1]}{match[2]}: no {unknown}"
    yield from (f"make {target}" for target in TARGET.findall(text) if target not in targets)
    yield from (name for name in FILE.findall(text) if not (ROOT / name).exists())
    yield from (link for link in LINK.findall(text) if not (page.parent / link).exists())


def test_all_pages_are_read() -> None:
    text = "".join(path.read_text() for path in PAGES.values())
    assert len(PAGES) >= 20
    assert len(COMMAND.findall(text)) >= 50
    assert len(TARGET.findall(text)) >= 30
    assert len(FILE.findall(text)) >= 50


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_nothing_that_does_not_exist(name: str) -> None:
    assert list(dead_references(PAGES[name])) == []


def leaf_commands(command: Any, words: str) -> Iterator[str]:
    if not isinstance(command, TyperGroup) or command.invoke_without_command:
        yield words
    elif isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from leaf_commands(inner, f"{words} {name}")


def test_every_command_that_people_call_is_in_the_documentation() -> None:
    # Workflows call those of `ci`, and make targets those of `local`.
    text = "".join(path.read_text() for path in PAGES.values())
    commands = [
        words for name in LAZY_COMMANDS.keys() - {"ci", "local"} for words in leaf_commands(import_command(name), name)
    ]
    assert len(commands) >= 15
    missing = [words for words in commands if not re.search(rf"cfs {words}\b|make {words}\b", text)]
    assert missing == [], "describe it in README.md or the area's page"


def test_old_names_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`cfs deploy rollout`, `cfs deploy status --region x`, `make upp`, `cfs/old.py`, [x](gone.md)")

    assert list(dead_references(page)) == [
        "cfs deploy rollout: no rollout",
        "cfs deploy status --region x: no --region",
        "make upp",
        "cfs/old.py",
        "gone.md",
    ]
