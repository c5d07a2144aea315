package providers

import (
	"encoding/json"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// names maps a field's Pulumi name to the names in its nested block, nil where it has none.
type names map[string]names

// listing is what --schema-names prints; the keys are tokens.
type listing struct {
	Config    names            `json:"config"`
	Resources map[string]names `json:"resources"`
	Invokes   map[string]names `json:"invokes"`
}

// PrintNamesIfAsked answers the flag --schema-names: it prints the names of all inputs as JSON and ends
// the process.
func PrintNamesIfAsked(info tfbridge.ProviderInfo) {
	if len(os.Args) != 2 || os.Args[1] != "--schema-names" {
		return
	}
	all := listing{
		Config:    inputs(info.P.Schema(), info.Config),
		Resources: map[string]names{},
		Invokes:   map[string]names{},
	}
	for terraform, r := range info.Resources {
		all.Resources[string(r.Tok)] = inputs(info.P.ResourcesMap().Get(terraform).Schema(), r.Fields)
	}
	for terraform, d := range info.DataSources {
		all.Invokes[string(d.Tok)] = inputs(info.P.DataSourcesMap().Get(terraform).Schema(), d.Fields)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		Fail(err)
	}
	os.Exit(0)
}

// inputs names the fields of a block that a program may set, as the bridge translates them.
func inputs(block shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo) names {
	found := names{}
	block.Range(func(terraform string, schema shim.Schema) bool {
		info := infos[terraform]
		if isInput(schema, info) {
			name := tfbridge.TerraformToPulumiNameV2(terraform, block, infos)
			found[name] = nested(schema, info)
		}
		return true
	})
	return found
}

func isInput(schema shim.Schema, info *tfbridge.SchemaInfo) bool {
	if schema.Removed() != "" {
		return false
	}
	if info != nil && (info.Omit || info.Removed || (info.MarkAsComputedOnly != nil && *info.MarkAsComputedOnly)) {
		return false
	}
	return schema.Optional() || schema.Required()
}

// nested names the inputs of the block under a field; nil for a plain value.
func nested(schema shim.Schema, info *tfbridge.SchemaInfo) names {
	switch elem := schema.Elem().(type) {
	case shim.Resource:
		return inputs(elem.Schema(), nestedInfos(schema, info))
	case shim.Schema:
		return nested(elem, elementInfo(info))
	default:
		return nil
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
