"""The environment may limit the waits of the AWS provider.

AWS is eventually consistent, and some resources take minutes to start. So the provider waits for seconds before it
first reads a created resource, and between reads. An emulator needs no such wait. Three lines in two modules wait;
with this change none of them waits longer than `CFS_LONGEST_WAIT`. Without that variable nothing changes.
"""

from __future__ import annotations

from toolchain.aws_source import MODULE as AWS_MODULE
from toolchain.patches.source_patch import SourcePatch

VARIABLE = "CFS_LONGEST_WAIT"
"""The variable with the longest wait, a duration in Go's notation such as `20ms`. Only for emulators."""

_FUNCTION = """package {package}

import (
\t"os"
\t"time"
)

var longestWait, _ = time.ParseDuration(os.Getenv("{variable}"))

func afterWait(wait time.Duration) <-chan time.Time {{
\tif longestWait > 0 {{
\t\twait = min(wait, longestWait)
\t}}
\treturn time.After(wait)
}}
"""


def _limit_waits(module: str, file: str, *waits: str) -> SourcePatch:
    """Return the change of a file's waits, which are given as the Go expressions of their durations."""
    package = file.split("/")[-2]
    return SourcePatch(
        module=module,
        file=file,
        replacements=tuple((f"time.After({wait})", f"afterWait({wait})") for wait in waits),
        added_files={"longest_wait.go": _FUNCTION.format(package=package, variable=VARIABLE)},
    )


LIMITED_WAITS = (
    _limit_waits(AWS_MODULE, "internal/backoff/backoff.go", "d"),
    _limit_waits("github.com/hashicorp/terraform-plugin-sdk/v2", "helper/retry/state.go", "conf.Delay", "wait"),
)
