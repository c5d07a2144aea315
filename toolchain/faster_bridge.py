"""Changes of the Pulumi bridge that the build applies, so that it translates names faster.

The bridge translates the name of each property of each resource several times in a preview. It appends one letter at a
time to a string, which copies the string each time: a quarter of the AWS provider's processor time in a preview. And to
find a property's Terraform name, it translates all names of the resource until one fits. docs/benchmarks.md has the
figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

BRIDGE_MODULE = "github.com/pulumi/pulumi-terraform-bridge/v3"
"""The module of the bridge."""

NAMING_FILE = "pkg/tfbridge/internal/naming/naming.go"
"""The file that translates Terraform's names, by its path in the module."""

SEARCH_FILE = "pkg/tfbridge/names.go"
"""The file that finds a property's Terraform name, by its path in the module."""

_TRANSLATION = "func terraformToPulumiName("
_CHANGES = (
    ("var result string", "var result strings.Builder"),
    ("result += string(unicode.ToUpper(c))", "result.WriteRune(unicode.ToUpper(c))"),
    ("result += string(c)", "result.WriteRune(c)"),
    ('result += "_"', 'result.WriteString("_")'),
    ("return result\n", "return result.String()\n"),
)
_IMPORTS = "import (\n"

_SEARCH = """\
	// First, check if any tf name points to this one.
	if tfs != nil {
"""
_SEARCH_FROM_USUAL = """\
	// First, check if any tf name points to this one.
	if tfs != nil {
		usual := usualName(name)
		if _, known := tfs.GetOk(usual); known && TerraformToPulumiNameV2(usual, tfs, ps) == name {
			return usual
		}
"""
_USUAL_NAME = """\
package tfbridge

import (
	"strings"
	"unicode"
)

// usualName returns the Terraform name of a property whose name is neither a plural nor overridden.
func usualName(name string) string {
	var result strings.Builder
	for i, c := range name {
		if i != 0 && c >= 'A' && c <= 'Z' {
			result.WriteByte('_')
		}
		result.WriteRune(unicode.ToLower(c))
	}
	return result.String()
}
"""


def translate_names_faster(module: Path) -> None:
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
    search = module / SEARCH_FILE
    search.write_text(replace_once(search.read_text(), _SEARCH, _SEARCH_FROM_USUAL, place=SEARCH_FILE))
    search.with_name("usual_name.go").write_text(_USUAL_NAME)
