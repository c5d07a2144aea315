"""The table of resource types in toolchain/providers/resources.json, as Python sees it."""

from __future__ import annotations

import json
from typing import Any, cast

from toolchain import versions

RESOURCE_TABLE = versions.PROVIDERS_MODULE / "resources.json"
UNSUPPORTED_TABLE = versions.PROVIDERS_MODULE / "unsupported.json"


def read_resource_table() -> dict[str, Any]:
    """Read the whole table: package name to its resources, invokes and configuration."""
    return cast("dict[str, Any]", json.loads(RESOURCE_TABLE.read_text()))


def aws_services() -> frozenset[str]:
    """Name the service packages of the AWS provider that the declared types live in, and those that they call."""
    aws = read_resource_table()["aws"]
    entries = [entry for kind in ("resources", "invokes") for entry in aws[kind].values()]
    return frozenset(name for entry in entries for name in (entry["service"], *entry.get("calledServices", ())))


def unsupported_arguments(token: str) -> frozenset[str]:
    """Name the arguments of a type that the SDK has and the built provider lacks.

    A stack that must run on a built toolchain does not use them.

    Args:
        token: A resource's or a function's token, such as `aws:ec2/vpc:Vpc`.

    Returns:
        Pulumi names; those of nested blocks are paths with dots.
    """
    arguments: dict[str, dict[str, str]] = json.loads(UNSUPPORTED_TABLE.read_text())
    return frozenset(arguments.get(token, {}))
