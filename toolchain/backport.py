"""A fix that the AWS provider got after the module version that the build uses.

The state of a resource that somebody has deleted is empty after a read. The module's provider then returns no identity
either, which the plugin framework refuses: `pulumi refresh` ends with "Missing Resource Identity After Read" instead
of noticing that, for example, a security group's rule is gone.
https://github.com/hashicorp/terraform-provider-aws/pull/46964
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

FILE = "internal/provider/framework/identity_interceptor.go"
"""The file that sets identities, by its path in the module."""

_READ = "func (r identityInterceptor) read("
_GIVES_UP = "if response.State.Raw.IsNull() {\n\t\t\tbreak\n\t\t}"
_GOES_ON = "state := response.State\n\t\tif state.Raw.IsNull() {\n\t\t\tstate = opts.request.State\n\t\t}"
_GONE = "response.State.GetAttribute("
_KNOWN = "state.GetAttribute("


def identify_what_is_gone(module: Path) -> None:
    """Let the provider return a deleted resource's previous identity.

    Args:
        module: A copy of the provider's module.

    Raises:
        LookupError: The code differs from what this change expects; another version may have the fix.
    """
    file = module / FILE
    before, start, rest = file.read_text().partition(_READ)
    read, end, after = rest.partition("\n}\n")
    for old, new in ((_GIVES_UP, _GOES_ON), (_GONE, _KNOWN)):
        read = replace_once(read, old, new, place=f"{FILE}, where it reads,")
    file.write_text(before + start + read + end + after)
