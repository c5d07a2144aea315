"""A change of the Pulumi bridge that the build applies: names are written into a buffer.

The bridge translates the name of each property of each resource several times in a preview. It appends one letter at a
time to a string, which copies the string each time: a quarter of the AWS provider's processor time in a preview.
docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

BRIDGE_MODULE = "github.com/pulumi/pulumi-terraform-bridge/v3"
"""The module of the bridge."""

NAMING_FILE = "pkg/tfbridge/internal/naming/naming.go"
"""The file that translates names, by its path in the module."""

_TRANSLATION = "func terraformToPulumiName("
_CHANGES = (
    ("var result string", "var result strings.Builder"),
    ("result += string(unicode.ToUpper(c))", "result.WriteRune(unicode.ToUpper(c))"),
    ("result += string(c)", "result.WriteRune(c)"),
    ('result += "_"', 'result.WriteString("_")'),
    ("return result\n", "return result.String()\n"),
)
_IMPORTS = "import (\n"


def write_names_into_buffer(module: Path) -> None:
    """Change how the bridge translates names; the names stay the same.

    Args:
        module: A copy of the module's folder.

    Raises:
        LookupError: The code differs from what this change expects, because the module's version has changed.
    """
    file = module / NAMING_FILE
    before, start, translation = file.read_text().partition(_TRANSLATION)
    for old, new in _CHANGES:
        translation = replace_once(translation, old, new, place=NAMING_FILE)
    before = before.replace(_IMPORTS, f'{_IMPORTS}\t"strings"\n', 1)
    file.write_text(before + start + translation)
