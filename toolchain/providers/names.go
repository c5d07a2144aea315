package providers

import (
	"encoding/json"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// names maps the Pulumi names of a block's fields to what they hold.
type names map[string]value

// value is a field's type, such as list<string>, with the fields of the block that it ends in.
type value struct {
	Type   string `json:"type"`
	Fields names  `json:"fields,omitempty"`
}

// listing is what --schema-names prints; the keys are tokens.
type listing struct {
	Config    names            `json:"config"`
	Resources map[string]names `json:"resources"`
	Invokes   map[string]names `json:"invokes"`
}

// PrintNamesIfAsked answers the flag --schema-names: it prints the names and types of all inputs as JSON and ends
// the process.
func PrintNamesIfAsked(info tfbridge.ProviderInfo) {
	if len(os.Args) != 2 || os.Args[1] != "--schema-names" {
		return
	}
	printed := listing{
		Config:    inputs(info.P.Schema(), info.Config),
		Resources: map[string]names{},
		Invokes:   map[string]names{},
	}
	for terraform, r := range info.Resources {
		printed.Resources[string(r.Tok)] = inputs(info.P.ResourcesMap().Get(terraform).Schema(), r.Fields)
	}
	for terraform, d := range info.DataSources {
		printed.Invokes[string(d.Tok)] = inputs(info.P.DataSourcesMap().Get(terraform).Schema(), d.Fields)
	}
	if err := json.NewEncoder(os.Stdout).Encode(printed); err != nil {
		Fail(err)
	}
	os.Exit(0)
}

// inputs describes the fields of a resource that a program may set, as the bridge translates them.
func inputs(block shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo) names {
	return describe(block, infos, func(schema shim.Schema, info *tfbridge.SchemaInfo) bool {
		computed := info != nil && info.MarkAsComputedOnly != nil && *info.MarkAsComputedOnly
		return (schema.Optional() || schema.Required()) && !computed
	})
}

// all describes the fields of a nested block. Pulumi's SDK has one type for a block in inputs and outputs.
func all(block shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo) names {
	return describe(block, infos, func(shim.Schema, *tfbridge.SchemaInfo) bool { return true })
}

func describe(
	block shim.SchemaMap,
	infos map[string]*tfbridge.SchemaInfo,
	wanted func(shim.Schema, *tfbridge.SchemaInfo) bool,
) names {
	found := names{}
	block.Range(func(terraform string, schema shim.Schema) bool {
		info := infos[terraform]
		gone := schema.Removed() != "" || (info != nil && (info.Omit || info.Removed))
		if !gone && wanted(schema, info) {
			found[tfbridge.TerraformToPulumiNameV2(terraform, block, infos)] = describeValue(schema, info)
		}
		return true
	})
	return found
}

func describeValue(schema shim.Schema, info *tfbridge.SchemaInfo) value {
	if info != nil && info.Asset != nil {
		return value{Type: "asset"}
	}
	if info != nil && info.Transform != nil {
		return value{Type: "document"}
	}
	if info != nil && info.Type != "" {
		return value{Type: string(info.Type)}
	}
	element := describeElement(schema, info)
	switch schema.Type() {
	case shim.TypeList, shim.TypeSet:
		if !tfbridge.IsMaxItemsOne(schema, info) {
			element.Type = "list<" + element.Type + ">"
		}
		return element
	case shim.TypeMap:
		if _, single := schema.Elem().(shim.Resource); !single {
			element.Type = "map<" + element.Type + ">"
		}
		return element
	default:
		return value{Type: scalars[schema.Type()]}
	}
}

var scalars = map[shim.ValueType]string{
	shim.TypeBool:    "boolean",
	shim.TypeInt:     "integer",
	shim.TypeFloat:   "number",
	shim.TypeString:  "string",
	shim.TypeDynamic: "any",
}

// describeElement describes what a collection holds; strings where the provider does not say.
func describeElement(schema shim.Schema, info *tfbridge.SchemaInfo) value {
	switch elem := schema.Elem().(type) {
	case shim.Resource:
		return value{Type: "object", Fields: all(elem.Schema(), nestedInfos(schema, info))}
	case shim.Schema:
		return describeValue(elem, elementInfo(info))
	default:
		return value{Type: "string"}
	}
}

func elementInfo(info *tfbridge.SchemaInfo) *tfbridge.SchemaInfo {
	if info == nil {
		return nil
	}
	return info.Elem
}

// nestedInfos finds the overrides of a block's fields where the bridge looks for them: under the element
// of a collection, and directly under a single object.
func nestedInfos(schema shim.Schema, info *tfbridge.SchemaInfo) map[string]*tfbridge.SchemaInfo {
	if schema.Type() != shim.TypeMap {
		info = elementInfo(info)
	}
	if info == nil {
		return nil
	}
	return info.Fields
}
