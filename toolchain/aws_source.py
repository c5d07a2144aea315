"""The part of the AWS provider's source that the stack needs.

The whole provider has more than 250 services and takes most of an hour to compile. Two generated files
tie them together: the list of services and the list of their API clients. Here both are filtered and
only the packages that remain reachable are copied.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MODULE = "github.com/hashicorp/terraform-provider-aws"
CLIENTS = "github.com/aws/aws-sdk-go-v2/service/"

SERVICE_LIST = "internal/provider/sdkv2/service_packages_gen.go"
CLIENT_LIST = "internal/conns/awsclient_gen.go"

ENTRY = "xpprovider"
"""The package that the plugin imports."""

_IMPORTS = re.compile(r"^import (?:\((.*?)^\)|(.*?)$)", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r'"([^"]+)"')


def copy_needed(source: Path, target: Path, services: frozenset[str]) -> None:
    """Copy the provider's packages that are needed to serve some services.

    Args:
        source: The provider's module folder; it is left as it is.
        target: The folder to create.
        services: Names of the service packages to keep, such as `ec2`.

    Raises:
        LookupError: The provider has no such service.
    """
    unknown = sorted(name for name in services if not (source / "internal/service" / name).is_dir())
    if unknown:
        raise LookupError(f"terraform-provider-aws has no service package {', '.join(unknown)}")
    target.mkdir(parents=True)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(source / name, target / name)
    replaced = {SERVICE_LIST: filter_services((source / SERVICE_LIST).read_text(), services)}
    clients = _copy_reachable(source, target, replaced)
    (target / CLIENT_LIST).write_text(filter_clients((source / CLIENT_LIST).read_text(), clients))


def _copy_reachable(source: Path, target: Path, replaced: dict[str, str]) -> set[str]:
    """Copy the packages that the entry reaches; give the API clients that they import."""
    clients: set[str] = set()
    seen = {ENTRY}
    waiting = [ENTRY]
    while waiting:
        package = waiting.pop()
        for file in _copy_package(source / package, target / package):
            name = f"{package}/{file.name}"
            if name in replaced:
                file.write_text(replaced[name])
            for path in imports(file.read_text()):
                if path.startswith(CLIENTS) and name != CLIENT_LIST:
                    clients.add(path.removeprefix(CLIENTS).split("/")[0])
                local = path.removeprefix(MODULE + "/")
                if local != path and local not in seen:
                    seen.add(local)
                    waiting.append(local)
    return clients


def _copy_package(source: Path, target: Path) -> Iterable[Path]:
    """Copy one package without its tests, with the data folders that it embeds; give its Go files."""
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.is_file() and not file.name.endswith("_test.go"):
            shutil.copyfile(file, target / file.name)
    copied = sorted(target.glob("*.go"))
    for pattern in _embedded(copied):
        for data in source.glob(pattern):
            destination = target / data.relative_to(source)
            if data.is_dir():
                shutil.copytree(data, destination, copy_function=shutil.copyfile, dirs_exist_ok=True)
            elif not destination.exists():
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(data, destination)
    return copied


def _embedded(files: Iterable[Path]) -> Iterable[str]:
    for file in files:
        for line in re.findall(r"^//go:embed (.+)$", file.read_text(), re.MULTILINE):
            yield from line.split()


def imports(text: str) -> list[str]:
    """List the import paths of a Go file."""
    return [path for block in _IMPORTS.finditer(text) for path in _PATH.findall(block[1] or block[2])]


def filter_services(text: str, services: frozenset[str]) -> str:
    """Keep some services in the generated list of services."""

    def keeps(line: str) -> bool:
        found = re.search(r'/internal/service/(\w+)"$|^\t\t(\w+)\.ServicePackage\(ctx\),$', line)
        return found is None or (found[1] or found[2]) in services

    return "\n".join(filter(keeps, text.split("\n")))


def filter_clients(text: str, clients: set[str]) -> str:
    """Keep some API clients in the generated list of clients.

    Args:
        text: The list: a header with imports, then one function a client.
        clients: Names of the packages to keep, such as `ec2`.
    """
    header, *functions = re.split(r"(?m)^(?=func )", text)
    kept_lines: list[str] = []
    kept_names: set[str] = set()
    for line in header.split("\n"):
        found = re.search(rf'^\t(?:(\w+) )?"{CLIENTS}(\w+)"$', line)
        if found is None:
            kept_lines.append(line)
        elif found[2] in clients:
            kept_lines.append(line)
            kept_names.add(found[1] or found[2])
    kept = [text for text in functions if _client_of(text) in kept_names]
    return "\n".join(kept_lines) + "".join(kept)


def _client_of(function: str) -> str | None:
    found = re.search(r"\*(\w+)\.Client \{", function)
    return found[1] if found else None
