"""The bridge between Pulumi and Terraform's providers translates names of properties faster.

It translates the name of each property of each resource several times in a preview. It appends one letter at a time to
a string, which copies the string each time: a quarter of the AWS provider's processor time in a preview. And to find a
property's Terraform name, it translates all names of the resource until one fits. docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from toolchain.patches.source_patch import SourcePatch

_BRIDGE_MODULE = "github.com/pulumi/pulumi-terraform-bridge/v3"

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

BUFFERED_NAMES = SourcePatch(
    module=_BRIDGE_MODULE,
    file="pkg/tfbridge/internal/naming/naming.go",
    replacements=(
        ("import (\n", 'import (\n\t"strings"\n'),
        ("var result string\n", "var result strings.Builder\n"),
        ("result += string(unicode.ToUpper(c))", "result.WriteRune(unicode.ToUpper(c))"),
        ("result += string(c)", "result.WriteRune(c)"),
        ('result += "_"', 'result.WriteString("_")'),
        ("return result\n", "return result.String()\n"),
    ),
)
"""Names are written into a buffer."""

USUAL_NAMES = SourcePatch(
    module=_BRIDGE_MODULE,
    file="pkg/tfbridge/names.go",
    replacements=((_SEARCH, _SEARCH_FROM_USUAL),),
    added_files={"usual_name.go": _USUAL_NAME},
)
"""The search for a Terraform name begins with the usual one."""
