package providers

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// randomLength is the length of a generated name's random ending.
const randomLength = 7

// field says in what a field differs from the bridge's defaults.
type field struct {
	// Name is the Pulumi name.
	Name string `json:"name"`
	// Type is a Pulumi type such as "boolean" where Terraform has a string.
	Type tokens.Type `json:"type"`
	// Default is the value where none is given.
	Default any `json:"default"`
	// Environment names variables that give the value where none is given.
	Environment []string `json:"environment"`
	// Secret keeps the value encrypted in the state.
	Secret bool `json:"secret"`
	// AutoName makes a name where none is given.
	AutoName *autoName `json:"autoName"`
	// Document takes an object as well as a string of JSON.
	Document bool `json:"document"`
	// Asset makes the field a Pulumi asset ("file") or archive ("archive").
	Asset string `json:"asset"`
	// HashField is the Terraform field that receives an asset's hash.
	HashField string `json:"hashField"`
	// Single tells whether a list of at most one block is shown as that block itself.
	Single *bool `json:"single"`
	// Fields are those of a nested block.
	Fields map[string]field `json:"fields"`
}

// autoName says how a name is made from the resource's.
type autoName struct {
	Longest int `json:"longest"`
	// Prefix is what the name must begin with.
	Prefix string `json:"prefix"`
	// Lower turns the name to lower case.
	Lower bool `json:"lower"`
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
	if f.Default != nil || len(f.Environment) > 0 {
		info.Default = &tfbridge.DefaultInfo{Value: f.Default, EnvVars: f.Environment}
	}
	if f.Secret {
		info.Secret = tfbridge.True()
	}
	if f.AutoName != nil {
		info.Default = f.AutoName.defaultInfo(f.Name)
	}
	if f.Document {
		info.Transform = tfbridge.TransformJSONDocument
	}
	var err error
	if info.Asset, err = f.asset(); err != nil {
		return nil, err
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

func (f field) asset() (*tfbridge.AssetTranslation, error) {
	switch f.Asset {
	case "":
		return nil, nil
	case "file":
		return &tfbridge.AssetTranslation{Kind: tfbridge.FileAsset, HashField: f.HashField}, nil
	case "archive":
		return &tfbridge.AssetTranslation{
			Kind:      tfbridge.FileArchive,
			Format:    resource.ZIPArchive,
			HashField: f.HashField,
		}, nil
	default:
		return nil, fmt.Errorf("asset %q is neither file nor archive", f.Asset)
	}
}

func (a autoName) defaultInfo(name string) *tfbridge.DefaultInfo {
	options := tfbridge.AutoNameOptions{
		Separator: "-",
		Maxlen:    a.Longest - len(a.Prefix),
		Randlen:   randomLength,
		PostTransform: func(_ *tfbridge.PulumiResource, made string) (string, error) {
			return a.Prefix + strings.TrimPrefix(made, a.Prefix), nil
		},
	}
	if a.Lower {
		options.Transform = strings.ToLower
	}
	return tfbridge.AutoNameWithCustomOptions(name, options).Default
}
