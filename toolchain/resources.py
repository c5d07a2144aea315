"""Reads the tables of resource types in toolchain/providers."""

from __future__ import annotations

import json
from typing import Any, cast

from toolchain import versions

RESOURCE_TABLE = versions.PROVIDERS_MODULE / "resources.json"
UNSUPPORTED_TABLE = versions.PROVIDERS_MODULE / "unsupported.json"


def read_resource_table() -> dict[str, Any]:
    """Return the whole table: resources, invokes and configuration by package name."""
    return cast("dict[str, Any]", json.loads(RESOURCE_TABLE.read_text()))


def aws_services() -> frozenset[str]:
    """Return the AWS provider's service packages that contain the declared types, and those that these call."""
    aws = read_resource_table()["aws"]
    entries = [entry for kind in ("resources", "invokes") for entry in aws[kind].values()]
    return frozenset(name for entry in entries for name in (entry["service"], *entry.get("calledServices", ())))


def unsupported_arguments(token: str) -> frozenset[str]:
    """Return the arguments of a type that the SDK has but the built provider lacks.

    A stack that must run on a built toolchain cannot use them.

    Args:
        token: The token of a resource or function, for example `aws:ec2/vpc:Vpc`.

    Returns:
        Pulumi names; arguments of nested blocks are dotted paths.
    """
    arguments: dict[str, dict[str, str]] = json.loads(UNSUPPORTED_TABLE.read_text())
    return frozenset(arguments.get(token, {}))
