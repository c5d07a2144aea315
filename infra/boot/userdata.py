"""User data: a cloud-config put together from files of this package, encoded as EC2 takes it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.boot.reproducible_gzip import compress_reproducibly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LIMIT_BYTES = 16 * 1024
"""EC2's limit of user data, before base64:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"""

FOLDER = Path(__file__).parent
"""Where the machines' files are: a folder for each kind of machine, and what they share."""

PROGRAMS = "/usr/local/libexec/cfs"
LIBRARIES = "/usr/local/lib/cfs"
UNITS = "/etc/systemd/system"


class BootError(ValueError):
    """User data cannot be put together; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A file of this package and its place on the machine.

    Attributes:
        source: Its path in this package.
        path: Its path on the machine.
        mode: Its permissions, in octal digits.
    """

    source: str
    path: str
    mode: str = "0644"


def program(source: str) -> Placed:
    """Place a script among the machine's programs, under its name without the ending."""
    return Placed(source=source, path=f"{PROGRAMS}/{Path(source).stem}", mode="0755")


def library(source: str) -> Placed:
    """Place what scripts source."""
    return Placed(source=source, path=f"{LIBRARIES}/{Path(source).name}")


def unit(source: str) -> Placed:
    """Place a unit of systemd."""
    return Placed(source=source, path=f"{UNITS}/{Path(source).name}")


def cloud_config(frame: str, *, files: Iterable[Placed], variables: Mapping[str, str]) -> str:
    """Give a machine's cloud-config: a frame, and every file that is written to the machine's disk.

    Args:
        frame: Path of the frame in this package.
        files: What is written. `@NAME@` in a file becomes the variable of that name.
        variables: What the machine must know; becomes `/etc/cfs/machine.env`. Nothing secret.

    Raises:
        BootError: A variable has characters that a shell or systemd would interpret.
        KeyError: A file names a variable that there is not.
    """
    for key, value in variables.items():
        if not _PLAIN.fullmatch(value):
            raise BootError(f"{key}: {value!r} must consist of letters, digits and any of _./-")
    written = [
        {"path": placed.path, "permissions": placed.mode, "content": _filled(placed.source, variables)}
        for placed in files
    ]
    environment = "".join(f"{key}={value}\n" for key, value in variables.items())
    written.append({"path": "/etc/cfs/machine.env", "permissions": "0644", "content": environment})
    # JSON is YAML, so no value needs quoting that this module would have to know.
    return f"{_read(frame)}\nwrite_files: {json.dumps(written, indent=0)}\n"


_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_PLACEHOLDER = re.compile(r"@(\w+)@")


def _read(source: str) -> str:
    return (FOLDER / source).read_text(encoding="utf-8")


def _filled(source: str, variables: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: variables[found[1]], _read(source))


def encoded(text: str) -> str:
    """Encode user data for EC2, compressed only where it would be too long: plain text can be read in the console.

    Raises:
        BootError: It is too long even then.
    """
    data = text.encode()
    if len(data) > LIMIT_BYTES:
        data = compress_reproducibly(data)
    if len(data) > LIMIT_BYTES:
        raise BootError(f"user data has {len(data)} bytes compressed; EC2 takes {LIMIT_BYTES}")
    return base64.b64encode(data).decode()
