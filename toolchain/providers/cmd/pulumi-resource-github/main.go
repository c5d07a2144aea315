// The GitHub provider plugin: the Terraform provider behind the Pulumi bridge.
package main

import (
	"github.com/integrations/terraform-provider-github/v6/github"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"

	"claudefs-infra/providers"
)

// upstream is what the provider calls itself in its requests' User-Agent.
const upstream = "6.13.0"

func main() {
	provider := shimv2.NewProvider(github.NewProvider(upstream, "none")())
	info, err := providers.Describe("github", providers.GitHubVersion, provider)
	if err != nil {
		providers.Fail(err)
	}
	providers.PrintNamesIfAsked(info)
	tfbridge.Main(info.Name, info.Version, info, []byte(`{"name":"github"}`))
}
