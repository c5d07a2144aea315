"""The package that Lambda runs: the guard's code with what the runtime lacks, as a zip with reproducible bytes.

Python's own compression differs between builds of Python, so that the files are stored as they are, in order, with one
time and mode. The runtime brings boto3 and what it needs:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from infra.project import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_PACKAGES = ("costs", "guard")
"""Packages of this project that the function runs."""

POWERTOOLS_PARTS = (
    "*.py",
    "exceptions/**/*.py",
    "logging/**/*.py",
    "metrics/**/*.py",
    "shared/**/*.py",
    "tracing/**/*.py",
    "utilities/__init__.py",
    "utilities/jmespath_utils/**/*.py",
    "utilities/typing/**/*.py",
    "warnings/**/*.py",
)
"""What of aws-lambda-powertools logs and metrics import: an eighth of it."""

PACKAGE_FILE = Path(".build/guard.zip")
"""Where the package is written, in the project's folder. The state holds this path, so that it names no machine."""

_TIME = (1980, 1, 1, 0, 0, 0)
"""The first that a zip can hold."""

_MODE = 0o100644 << 16
_UNIX = 3


def build_package() -> bytes:
    """Return the zip."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as package:
        for name, source in sorted(package_files().items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            package.writestr(entry, source.read_bytes())
    return archive.getvalue()


def package_files() -> Mapping[str, Path]:
    """Return the files of the package by their names in it."""
    own = {
        str(file.relative_to(PROJECT_FOLDER)): file
        for package in OWN_PACKAGES
        for file in (PROJECT_FOLDER / package).rglob("*")
        if file.suffix in (".py", ".json")
    }
    powertools = _installed_file("aws_lambda_powertools").parent
    extensions = _installed_file("typing_extensions")
    return {
        **own,
        **{
            str(file.relative_to(powertools.parent)): file
            for part in POWERTOOLS_PARTS
            for file in powertools.glob(part)
        },
        extensions.name: extensions,
    }


def write_package() -> Path:
    """Write the package where Pulumi reads it, and return its path relative to the project's folder."""
    target = PROJECT_FOLDER / PACKAGE_FILE
    target.parent.mkdir(exist_ok=True)
    # Several engines may run in one folder: a reader finds the old bytes or the new ones, which are mostly the same.
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as temporary:
        temporary.write(build_package())
    Path(temporary.name).replace(target)
    return PACKAGE_FILE


def _installed_file(module: str) -> Path:
    """Return the file of an installed module; requirements.txt pins its content."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed")
    return Path(spec.origin)
