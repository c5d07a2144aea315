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

type entry struct {
	Token   string           `json:"token"`
	Service string           `json:"service"`
	Fields  map[string]field `json:"fields"`
}

// field says in what a field differs from the bridge's defaults.
type field struct {
	// Name is the Pulumi name.
	Name string `json:"name"`
	// AutoName is the greatest length of a name that is generated when none is given.
	AutoName int `json:"autoName"`
	// Asset makes the field a Pulumi asset ("file") or archive ("archive").
	Asset string `json:"asset"`
	// Type is a Pulumi type such as "boolean" where Terraform has a string.
	Type tokens.Type `json:"type"`
	// OutputOnly removes the field from the inputs.
	OutputOnly bool `json:"outputOnly"`
	// Single tells whether a list of at most one block is shown as that block itself.
	Single *bool `json:"single"`
	// Fields are those of a nested block.
	Fields map[string]field `json:"fields"`
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
		info.Resources[terraform] = &tfbridge.ResourceInfo{Tok: tokens.Type(e.Token), Fields: overrides}
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

func fields(declared map[string]field) (map[string]*tfbridge.SchemaInfo, error) {
	infos := map[string]*tfbridge.SchemaInfo{}
	for name, f := range declared {
		info, err := f.info()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		infos[name] = info
	}
	return infos, nil
}

func (f field) info() (*tfbridge.SchemaInfo, error) {
	info := &tfbridge.SchemaInfo{Name: f.Name, Type: f.Type, MaxItemsOne: f.Single}
	if f.AutoName > 0 {
		info.Default = tfbridge.AutoName(f.Name, f.AutoName, "-").Default
	}
	if f.OutputOnly {
		info.MarkAsComputedOnly = tfbridge.True()
	}
	switch f.Asset {
	case "":
	case "file":
		info.Asset = &tfbridge.AssetTranslation{Kind: tfbridge.FileAsset}
	case "archive":
		info.Asset = &tfbridge.AssetTranslation{Kind: tfbridge.FileArchive}
	default:
		return nil, fmt.Errorf("asset %q is neither file nor archive", f.Asset)
	}
	if len(f.Fields) > 0 {
		nested, err := fields(f.Fields)
		if err != nil {
			return nil, err
		}
		info.Elem = &tfbridge.SchemaInfo{Fields: nested}
	}
	return info, nil
}

// hideComputedTags makes tags_all an output alone, as in Pulumi's own SDK: the provider computes it from
// the resource's tags and the default ones.
func hideComputedTags(schema shim.SchemaMap, overrides map[string]*tfbridge.SchemaInfo) {
	const name = "tags_all"
	if _, found := schema.GetOk(name); found {
		overrides[name] = &tfbridge.SchemaInfo{MarkAsComputedOnly: tfbridge.True(), MarkAsOptional: tfbridge.False()}
	}
}
