"""Metrics of the code: one-word names, names shared by modules, lengths of functions, and lines by kind of code."""

from __future__ import annotations

import ast
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from infra.project import PROJECT_FOLDER
from terminal.results import CommandResult, ResultTable, to_figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = {
    "product": ("__main__.py", "infra", "cfs", "cli", "costs", "guard", "policies", "terminal"),
    "emulated account and Pulumi": ("local", "toolchain"),
    "measuring harness": ("measure",),
    "tests": ("tests",),
}
"""Kinds of code with their folders and files."""

_GIT_SECONDS = 30.0
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of a statement that contain statements."""


@dataclass(frozen=True, kw_only=True)
class CodeFigures:
    """Counts in Python files; names and functions in tests are not counted.

    Attributes:
        lines: Lines of each kind of code.
        functions: Functions and methods, except special methods.
        one_word_functions: Functions with a name of one word.
        names: Public names at module level (functions, classes, constants), counted once for each module.
        shared_names: Names in two or more modules, with these modules.
        longest_function: The longest function, as `file:name`.
        longest_lines: Number of lines in the longest function.
    """

    lines: dict[str, int] = field(default_factory=dict)
    functions: int
    one_word_functions: int
    names: int
    shared_names: dict[str, list[str]] = field(default_factory=dict)
    longest_function: str
    longest_lines: int

    @property
    def one_word_percent(self) -> float:
        """Share of functions with a name of one word, in percent."""
        return 100 * self.one_word_functions / self.functions

    @property
    def shared_percent(self) -> float:
        """Share of public names that occur in two or more modules, in percent."""
        return 100 * sum(map(len, self.shared_names.values())) / self.names


def count_code(folder: Path = PROJECT_FOLDER) -> CodeFigures:
    """Count the Python files that git tracks in a folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=_GIT_SECONDS,
    ).stdout
    sources = {Path(name): (folder / name).read_text(encoding="utf-8") for name in listed.split("\0") if name}
    lines = {
        kind: sum(source.count("\n") for path, source in sources.items() if path.parts[0] in roots)
        for kind, roots in KINDS.items()
    }
    trees = {path: ast.parse(source) for path, source in sources.items() if path.parts[0] != "tests"}
    functions = [(path, function) for path, tree in trees.items() for function in _named_functions(tree)]
    longest_path, longest = max(functions, key=lambda found: _line_count(found[1]))
    modules = defaultdict(list)
    for path, tree in trees.items():
        for name in sorted(_public_names(tree)):
            modules[name].append(str(path))
    return CodeFigures(
        lines=lines,
        functions=len(functions),
        one_word_functions=sum("_" not in function.name.strip("_") for _, function in functions),
        names=sum(map(len, modules.values())),
        shared_names={name: paths for name, paths in sorted(modules.items()) if len(paths) > 1},
        longest_function=f"{longest_path}:{longest.name}",
        longest_lines=_line_count(longest),
    )


def figures_result(figures: CodeFigures) -> CommandResult:
    """Return the report of the figures."""
    rows = [
        *((f"lines, {kind}", f"{count:,}") for kind, count in figures.lines.items()),
        ("functions", f"{figures.functions:,}"),
        ("functions of one word", f"{figures.one_word_functions} ({figures.one_word_percent:.1f} %)"),
        ("public names", f"{figures.names:,}"),
        ("public names in two or more modules", f"{figures.shared_percent:.1f} %"),
        ("longest function", f"{figures.longest_lines} lines, {figures.longest_function}"),
    ]
    return CommandResult(
        table=ResultTable(title="The code", columns=("figure", "value"), rows=rows),
        notes=[f"{name}: {', '.join(paths)}" for name, paths in figures.shared_names.items()],
        figures=to_figures(figures)
        | {"oneWordPercent": figures.one_word_percent, "sharedPercent": figures.shared_percent},
    )


def _named_functions(parent: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield functions below a statement; expressions, which are most nodes, contain none."""
    for block in _BLOCKS:
        for node in getattr(parent, block, ()):
            if isinstance(node, ast.FunctionDef) and not (node.name.startswith("__") and node.name.endswith("__")):
                yield node
            yield from _named_functions(node)


def _line_count(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _public_names(tree: ast.Module) -> set[str]:
    return {name for node in tree.body for name in _defined_names(node) if not name.startswith("_")}


def _defined_names(node: ast.stmt) -> Iterable[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
