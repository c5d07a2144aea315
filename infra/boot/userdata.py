"""User data: a cloud-config assembled from files of this package, encoded for EC2."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import deflate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

USER_DATA_LIMIT_BYTES = 16 * 1024
"""EC2's limit for user data in bytes, before base64:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"""

_COMPRESSION_LEVEL = 12
"""The highest of libdeflate."""

BOOT_FOLDER = Path(__file__).parent
"""The machines' files: a folder for each kind of machine, and one for all machines."""

PROGRAM_FOLDER = "/usr/local/libexec/cfs"
LIBRARY_FOLDER = "/usr/local/lib/cfs"
UNIT_FOLDER = "/etc/systemd/system"


AWS_CLI_VARIABLES = {
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "5",
    "AWS_METADATA_SERVICE_TIMEOUT": "5",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "5",
}
"""Bounded retries with exponential backoff for every call, and for reading credentials from the metadata service. By
default the AWS CLI waits for them for one second and asks once, which fails while a machine is busy.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-retries.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html"""


class BootError(ValueError):
    """User data that cannot be built; the message states the reason."""


@dataclass(frozen=True, kw_only=True)
class BootFile:
    """A file of this package and its place on the machine.

    Attributes:
        source: Path in this package.
        path: Path on the machine.
        mode: File permissions, in octal digits.
    """

    source: str
    path: str
    mode: str = "0644"


def place_program(source: str) -> BootFile:
    """Return a script as one of the machine's programs, named without its extension."""
    return BootFile(source=source, path=f"{PROGRAM_FOLDER}/{Path(source).stem}", mode="0755")


def place_library(source: str) -> BootFile:
    """Return a file that scripts source."""
    return BootFile(source=source, path=f"{LIBRARY_FOLDER}/{Path(source).name}")


def place_unit(source: str) -> BootFile:
    """Return a systemd unit."""
    return BootFile(source=source, path=f"{UNIT_FOLDER}/{Path(source).name}")


def render_cloud_config(frame: str, *, files: Iterable[BootFile], variables: Mapping[str, str]) -> str:
    """Return a machine's cloud-config: a frame, and the files to write to the machine's disk.

    Args:
        frame: Path of the frame in this package.
        files: The files to write. `@NAME@` in a file is replaced with the variable of that name.
        variables: Facts for the machine, written to `/etc/cfs/machine.env`; not secret.

    Raises:
        BootError: A variable has characters that a shell or systemd would interpret.
        KeyError: A file refers to an unknown variable.
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
    # JSON is valid YAML, so this module needs no rules for quoting.
    return f"{_read_source(frame)}\nwrite_files: {json.dumps(written, indent=0)}\n"


_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./-]+")
_PLACEHOLDER = re.compile(r"@(\w+)@")


def _read_source(source: str) -> str:
    return (BOOT_FOLDER / source).read_text(encoding="utf-8")


def _fill_placeholders(source: str, variables: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: variables[found[1]], _read_source(source))


def encode_user_data(text: str) -> str:
    """Encode user data for EC2; it is compressed only if it is too long, since the console shows plain text.

    libdeflate compresses: its output is the same on every system, Python and processor, for one version of it. That of
    Python's own gzip differs between releases and builds (zlib or zlib-ng), so launch templates would differ, too.

    Raises:
        BootError: The user data is too long even if compressed.
    """
    data = text.encode()
    if len(data) > USER_DATA_LIMIT_BYTES:
        data = bytes(deflate.gzip_compress(data, _COMPRESSION_LEVEL))
    if len(data) > USER_DATA_LIMIT_BYTES:
        raise BootError(f"user data has {len(data)} bytes compressed; EC2 takes {USER_DATA_LIMIT_BYTES}")
    return base64.b64encode(data).decode()
