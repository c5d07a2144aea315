"""The waits of the built AWS provider, which an emulator makes needless.

AWS answers from many places that agree late, and what it makes takes minutes to come up. So the provider waits for
seconds before it looks at what it has asked for, and between two looks. It does so at three lines, of two modules.
The build lets each of them ask the environment for the longest wait; without `CFS_LONGEST_WAIT` nothing is changed in
what the provider does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "CFS_LONGEST_WAIT"
"""Names the longest wait as Go writes a duration, such as `20ms`; for emulators alone."""

SDK = "github.com/hashicorp/terraform-plugin-sdk/v2"
"""The module of what providers are made with."""

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
        waits: What it waits for, as its code names each.
    """

    file: str
    waits: tuple[str, ...]


IN_PROVIDER = Place(file="internal/backoff/backoff.go", waits=("d",))
IN_SDK = Place(file="helper/retry/state.go", waits=("conf.Delay", "wait"))


def limit(module: Path, place: Place) -> None:
    """Let a module's waits end when the longest wait is over.

    Args:
        module: A copy of the module's folder.
        place: Where it waits.

    Raises:
        LookupError: A wait is not where it was; another version of the module has come.
    """
    file = module / place.file
    text = file.read_text()
    for wait in place.waits:
        text = replace_once(text, f"time.After({wait})", f"afterWait({wait})", place=place.file)
    file.write_text(text)
    package = re.findall(r"(?m)^package (\w+)$", text)[0]
    file.with_name("longest_wait.go").write_text(_FUNCTION.format(package=package, variable=VARIABLE))
