"""A change of the Terraform SDK that the build applies: schemas are copied without reflection.

The SDK copies a resource's whole schema for each comparison that the provider customizes, because the comparison may
mark attributes of the copy. Copying by reflection takes an eighth of the AWS provider's processor time.
docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_FILE = "helper/schema/schema.go"
"""The file that copies schemas, by its path in the module."""

_CHANGES = (
    (
        """\
	copiedMap, err := copystructure.Config{Lock: true}.Copy(m)
	if err != nil {
		panic(err)
	}
	return *copiedMap.(*schemaMap)
""",
        "\treturn copySchemas(*m)\n",
    ),
    ('\t"github.com/mitchellh/copystructure"\n', ""),
)

_COPY_FUNCTIONS = """\
package schema

func copySchemas(originals map[string]*Schema) map[string]*Schema {
	copies := make(map[string]*Schema, len(originals))
	for name, original := range originals {
		copies[name] = copySchema(original)
	}
	return copies
}

func copySchema(original *Schema) *Schema {
	if original == nil {
		return nil
	}
	copied := *original
	switch element := original.Elem.(type) {
	case *Schema:
		copied.Elem = copySchema(element)
	case *Resource:
		nested := *element
		if element.Schema != nil {
			nested.Schema = copySchemas(element.Schema)
		}
		copied.Elem = &nested
	}
	return &copied
}
"""


def copy_without_reflection(module: Path) -> None:
    """Change how the SDK copies schemas; a copy's attributes can be marked as before.

    Args:
        module: A copy of the module's folder.

    Raises:
        LookupError: The code differs from what this change expects, because the module's version has changed.
    """
    file = module / SCHEMA_FILE
    text = file.read_text()
    for old, new in _CHANGES:
        text = replace_once(text, old, new, place=SCHEMA_FILE)
    file.write_text(text)
    file.with_name("copied_schemas.go").write_text(_COPY_FUNCTIONS)
