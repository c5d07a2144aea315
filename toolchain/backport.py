"""A repair that the AWS provider has had since and the module that the build uses has not.

A resource that somebody has deleted has no state after it is read, and this module's provider then gives no identity
either, which the plugin framework refuses: `pulumi refresh` would end with "Missing Resource Identity After Read"
instead of finding that, for example, a security group's rule is gone.
https://github.com/hashicorp/terraform-provider-aws/pull/46964
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

FILE = "internal/provider/framework/identity_interceptor.go"
"""Where the provider sets identities, by its path in the module."""

_READ = "func (r identityInterceptor) read("
_GIVES_UP = "if response.State.Raw.IsNull() {\n\t\t\tbreak\n\t\t}"
_GOES_ON = "state := response.State\n\t\tif state.Raw.IsNull() {\n\t\t\tstate = opts.request.State\n\t\t}"
_GONE = "response.State.GetAttribute("
_KNOWN = "state.GetAttribute("


def identify_what_is_gone(module: Path) -> None:
    """Let the provider give what is gone the identity that it had before it was read.

    Args:
        module: A copy of the provider's module.

    Raises:
        LookupError: The code is not as it was; another version of the module has come, perhaps with the repair.
    """
    file = module / FILE
    before, start, rest = file.read_text().partition(_READ)
    read, end, after = rest.partition("\n}\n")
    for old, new in ((_GIVES_UP, _GOES_ON), (_GONE, _KNOWN)):
        read = replace_once(read, old, new, place=f"{FILE}, where it reads,")
    file.write_text(before + start + read + end + after)
