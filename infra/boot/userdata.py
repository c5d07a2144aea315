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

USER_DATA_LIMIT_BYTES = 16 * 1024
"""EC2's limit of user data, before base64:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"""

BOOT_FOLDER = Path(__file__).parent
"""The machines' files: a folder for each kind of machine, and one for shared files."""

PROGRAM_FOLDER = "/usr/local/libexec/cfs"
LIBRARY_FOLDER = "/usr/local/lib/cfs"
UNIT_FOLDER = "/etc/systemd/system"


class BootError(ValueError):
    """User data cannot be put together; the message says why."""


@dataclass(frozen=True, kw_only=True)
class BootFile:
    """A file of this package and its place on the machine.

    Attributes:
        source: Its path in this package.
        path: Its path on the machine.
        mode: Its permissions, in octal digits.
    """

    source: str
    path: str
    mode: str = "0644"


def place_program(source: str) -> BootFile:
    """Place a script among the machine's programs, under its name without the ending."""
    return BootFile(source=source, path=f"{PROGRAM_FOLDER}/{Path(source).stem}", mode="0755")


def place_library(source: str) -> BootFile:
    """Place what scripts source."""
    return BootFile(source=source, path=f"{LIBRARY_FOLDER}/{Path(source).name}")


def place_unit(source: str) -> BootFile:
    """Place a unit of systemd."""
    return BootFile(source=source, path=f"{UNIT_FOLDER}/{Path(source).name}")


def render_cloud_config(frame: str, *, files: Iterable[BootFile], variables: Mapping[str, str]) -> str:
    """Return a machine's cloud-config: a frame, and every file that is written to the machine's disk.

    Args:
        frame: Path of the frame in this package.
        files: What is written. `@NAME@` in a file becomes the variable of that name.
        variables: What the machine must know; becomes `/etc/cfs/machine.env`. Nothing secret.

    Raises:
        BootError: A variable has characters that a shell or systemd would interpret.
        KeyError: A file names a variable that there is not.
    """
    for key, value in variables.items():
        if not _PLAIN_VALUE.fullmatch(value):
            raise BootError(f"{key}: {value!r} must consist of letters, digits and any of _./-")
    written = [
        {"path": placed.path, "permissions": placed.mode, "content": _fill_placeholders(placed.source, variables)}
        for placed in files
    ]
    environment = "".join(f"{key}={value}\n" for key, value in variables.items())
    written.append({"path": "/etc/cfs/machine.env", "permissions": "0644", "content": environment})
    # JSON is YAML, so no value needs quoting that this module would have to know.
    return f"{_read_source(frame)}\nwrite_files: {json.dumps(written, indent=0)}\n"


_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./-]+")
_PLACEHOLDER = re.compile(r"@(\w+)@")


def _read_source(source: str) -> str:
    return (BOOT_FOLDER / source).read_text(encoding="utf-8")


def _fill_placeholders(source: str, variables: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: variables[found[1]], _read_source(source))


def encode_user_data(text: str) -> str:
    """Encode user data for EC2, compressed only where it would be too long: plain text can be read in the console.

    Raises:
        BootError: It is too long even then.
    """
    data = text.encode()
    if len(data) > USER_DATA_LIMIT_BYTES:
        data = compress_reproducibly(data)
    if len(data) > USER_DATA_LIMIT_BYTES:
        raise BootError(f"user data has {len(data)} bytes compressed; EC2 takes {USER_DATA_LIMIT_BYTES}")
    return base64.b64encode(data).decode()
