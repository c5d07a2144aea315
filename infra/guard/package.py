"""The deployment package: a reproducible zip with the guard's code and the libraries that Lambda's runtime lacks.

Compression differs between builds of Python, so the files are stored uncompressed, sorted, with a fixed time and mode.
The runtime includes boto3 and its dependencies:
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
"""This project's packages that the function needs."""

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
"""The files of aws-lambda-powertools that its logger and metrics import: an eighth of the library."""

PACKAGE_FILE = Path(".build/guard.zip")
"""Path of the package, relative to the project's folder because the state contains it."""

_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip supports."""

_MODE = 0o100644 << 16
_UNIX = 3


def build_package() -> bytes:
    """Return the content of the package."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as package:
        for name, source in sorted(package_files().items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            package.writestr(entry, source.read_bytes())
    return archive.getvalue()


def package_files() -> Mapping[str, Path]:
    """Return the package's files by their names in the zip."""
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
    """Write the package and return its path, relative to the project's folder."""
    target = PROJECT_FOLDER / PACKAGE_FILE
    target.parent.mkdir(exist_ok=True)
    # Replaced atomically, since several engines may run in this folder.
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as temporary:
        temporary.write(build_package())
    Path(temporary.name).replace(target)
    return PACKAGE_FILE


def _installed_file(module: str) -> Path:
    """Return the file of an installed module, whose version requirements.txt pins."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed")
    return Path(spec.origin)
