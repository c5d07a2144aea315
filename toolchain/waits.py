"""A change of the AWS provider that the build applies: the environment may limit its waits.

AWS is eventually consistent, and some resources take minutes to start. So the provider waits for seconds before it
first reads a created resource, and between reads. An emulator needs no such wait. Three lines in two modules wait;
with this change none of them waits longer than `CFS_LONGEST_WAIT`. Without that variable nothing changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "CFS_LONGEST_WAIT"
"""The variable with the longest wait, a duration in Go's notation such as `20ms`. Only for emulators."""

SDK = "github.com/hashicorp/terraform-plugin-sdk/v2"
"""The module of the SDK on which the AWS provider is built."""

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


@dataclass(frozen=True, kw_only=True)
class Place:
    """A file that waits.

    Attributes:
        file: Its path in its module.
        waits: The Go expression of each wait's duration.
    """

    file: str
    waits: tuple[str, ...]


IN_PROVIDER = Place(file="internal/backoff/backoff.go", waits=("d",))
IN_SDK = Place(file="helper/retry/state.go", waits=("conf.Delay", "wait"))


def limit(module: Path, place: Place) -> None:
    """Limit a module's waits to `CFS_LONGEST_WAIT`.

    Args:
        module: A copy of the module's folder.
        place: The file that waits.

    Raises:
        LookupError: The code differs from what this change expects, because the module's version has changed.
    """
    file = module / place.file
    text = file.read_text()
    for wait in place.waits:
        text = replace_once(text, f"time.After({wait})", f"afterWait({wait})", place=place.file)
    file.write_text(text)
    package = re.findall(r"(?m)^package (\w+)$", text)[0]
    file.with_name("longest_wait.go").write_text(_FUNCTION.format(package=package, variable=VARIABLE))
