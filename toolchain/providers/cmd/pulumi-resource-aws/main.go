// The AWS provider plugin: HashiCorp's provider behind the Pulumi bridge.
package main

import (
	"context"

	"github.com/hashicorp/terraform-provider-aws/xpprovider"
	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"

	"claudefs-infra/providers"
)

// compatible is the Terraform version that the provider tells AWS, in its requests' User-Agent.
const compatible = "1.0.0+compatible"

func main() {
	ctx := context.Background()
	info, err := describe(ctx)
	if err != nil {
		providers.Fail(err)
	}
	providers.PrintNamesIfAsked(info)
	pfbridge.MainWithMuxer(ctx, info.Name, info, []byte(`{"name":"aws"}`))
}

// describe joins the provider's two halves: one is written for the older plugin SDK, one for the plugin
// framework.
func describe(ctx context.Context) (tfbridge.ProviderInfo, error) {
	framework, sdk, err := xpprovider.GetProvider(ctx)
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	sdk.TerraformVersion = compatible
	both := pfbridge.MuxShimWithPF(ctx, shimv2.NewProvider(sdk), framework)
	info, err := providers.Describe("aws", providers.AWSVersion, both)
	if err != nil {
		return info, err
	}
	return info, dispatch(&info)
}

// dispatch records which half serves which resource. The bridge's generator writes this table ahead of
// time for a published plugin; here it is computed at each start.
func dispatch(info *tfbridge.ProviderInfo) error {
	resolver := info.P.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
	})
	table, err := resolver.ResolveDispatch(info)
	if err != nil {
		return err
	}
	return metadata.Set(info.GetMetadata(), "mux", table)
}
