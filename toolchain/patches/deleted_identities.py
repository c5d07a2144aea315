"""A fix that the AWS provider got after the module version that the build uses.

The state of a resource that somebody has deleted is empty after a read. The module's provider then returns no identity
either, which the plugin framework refuses: `pulumi refresh` ends with "Missing Resource Identity After Read" instead
of noticing that, for example, a security group's rule is gone. With this change the provider returns the identity that
the resource had. https://github.com/hashicorp/terraform-provider-aws/pull/46964
"""

from __future__ import annotations

from toolchain.aws_source import MODULE as AWS_MODULE
from toolchain.patches.source_patch import SourcePatch

DELETED_IDENTITIES = SourcePatch(
    module=AWS_MODULE,
    file="internal/provider/framework/identity_interceptor.go",
    function="func (r identityInterceptor) read(",
    replacements=(
        (
            "if response.State.Raw.IsNull() {\n\t\t\tbreak\n\t\t}",
            "state := response.State\n\t\tif state.Raw.IsNull() {\n\t\t\tstate = opts.request.State\n\t\t}",
        ),
        ("response.State.GetAttribute(", "state.GetAttribute("),
    ),
)
