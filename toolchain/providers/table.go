// Package providers holds what both provider plugins share: the table of the resource types that the
// stack declares, and its translation to the bridge's description of a provider.
package providers

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

//go:embed resources.json
var document []byte

// Versions that the plugins report: those of the installed Pulumi SDK packages, set by the linker.
var (
	AWSVersion    string
	GitHubVersion string
)

// longestName is the greatest length of a generated name where the table does not say another.
const longestName = 255

// pkg is one provider's part of the table; the keys are Terraform names.
type pkg struct {
	Config    map[string]field `json:"config"`
	Resources map[string]entry `json:"resources"`
	Invokes   map[string]entry `json:"invokes"`
}

// entry is a resource type or a function.
type entry struct {
	Token string `json:"token"`
	// Service is the package of the AWS provider that has it; the build keeps only those that are named.
	Service string `json:"service"`
	// CalledServices are further packages, which that one calls: on a real account S3 reads tags by S3 Control.
	CalledServices []string `json:"calledServices"`
	// DeleteFirst replaces a resource that cannot exist beside its successor.
	DeleteFirst bool             `json:"deleteFirst"`
	Fields      map[string]field `json:"fields"`
}

// Describe makes the bridge's description of the provider `name` from the table.
func Describe(name, version string, provider shim.Provider) (tfbridge.ProviderInfo, error) {
	info := tfbridge.ProviderInfo{
		P:            provider,
		Name:         name,
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte(`{}`)),
		Resources:    map[string]*tfbridge.ResourceInfo{},
		DataSources:  map[string]*tfbridge.DataSourceInfo{},

		// As in Pulumi's own plugins.
		EnableAccurateBridgePreview:                  true,
		EnableRawStateDelta:                          true,
		SkipValidateProviderConfigForPluginFramework: true,
	}
	table, err := read(name)
	if err != nil {
		return info, err
	}
	if info.Config, err = fields(table.Config); err != nil {
		return info, err
	}
	for terraform, e := range table.Resources {
		resource, found := provider.ResourcesMap().GetOk(terraform)
		if !found {
			return info, fmt.Errorf("the provider has no resource %s", terraform)
		}
		overrides, err := fields(e.Fields)
		if err != nil {
			return info, fmt.Errorf("%s: %w", terraform, err)
		}
		hideComputedTags(resource.Schema(), overrides)
		info.Resources[terraform] = &tfbridge.ResourceInfo{
			Tok:                 tokens.Type(e.Token),
			Fields:              overrides,
			DeleteBeforeReplace: e.DeleteFirst,
		}
	}
	for terraform, e := range table.Invokes {
		if _, found := provider.DataSourcesMap().GetOk(terraform); !found {
			return info, fmt.Errorf("the provider has no data source %s", terraform)
		}
		overrides, err := fields(e.Fields)
		if err != nil {
			return info, fmt.Errorf("%s: %w", terraform, err)
		}
		info.DataSources[terraform] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(e.Token), Fields: overrides}
	}
	info.SetAutonaming(longestName, "-")
	return info, nil
}

func read(name string) (pkg, error) {
	var table map[string]pkg
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&table); err != nil {
		return pkg{}, fmt.Errorf("resources.json: %w", err)
	}
	return table[name], nil
}

// hideComputedTags makes tags_all an output alone, as in Pulumi's own SDK: the provider computes it from
// the resource's tags and the default ones.
func hideComputedTags(schema shim.SchemaMap, overrides map[string]*tfbridge.SchemaInfo) {
	const name = "tags_all"
	if _, found := schema.GetOk(name); found {
		overrides[name] = &tfbridge.SchemaInfo{MarkAsComputedOnly: tfbridge.True(), MarkAsOptional: tfbridge.False()}
	}
}
