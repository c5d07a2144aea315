"""The AWS provider copies schemas without reflection.

The plugin SDK copies a resource's whole schema for each comparison that the provider customizes, because the comparison
may mark attributes of the copy. Copying by reflection takes an eighth of the AWS provider's processor time.
docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from toolchain.patches.source_patch import SourcePatch

_COPY_BY_REFLECTION = """\
	copiedMap, err := copystructure.Config{Lock: true}.Copy(m)
	if err != nil {
		panic(err)
	}
	return *copiedMap.(*schemaMap)
"""

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

COPIED_SCHEMAS = SourcePatch(
    module="github.com/hashicorp/terraform-plugin-sdk/v2",
    file="helper/schema/schema.go",
    replacements=(
        ('\t"github.com/mitchellh/copystructure"\n', ""),
        (_COPY_BY_REFLECTION, "\treturn copySchemas(*m)\n"),
    ),
    added_files={"copied_schemas.go": _COPY_FUNCTIONS},
)
