"""The provider plugins take every argument that Pulumi's SDK offers, under its name and with its type.

The SDK is generated from the vendor's plugins. Plugins that are built here are described by
toolchain/providers/resources.json instead, where a field that the vendor renamed could be forgotten.
"""

from __future__ import annotations

import importlib
import inspect
import json
import keyword
import os
import re
import subprocess
import sys
import types
import typing
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import _types

import toolchain
from toolchain import resources, versions

# Loading a module of the SDK loads its superseded classes too.
pytestmark = pytest.mark.filterwarnings("ignore:.* has been deprecated in favor of :DeprecationWarning")

LIMIT = 300
"""Seconds for a plugin or the engine to describe a schema."""

SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", Any: "any"}


@dataclass(frozen=True, kw_only=True)
class Value:
    """What an argument holds: types such as list<string>, and the fields of the block that they end in."""

    types: frozenset[str] = frozenset()
    fields: Mapping[str, Value] = field(default_factory=dict)


Fields = Mapping[str, Value]


def flat(fields: Fields, prefix: str = "") -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, value in fields.items():
        found[prefix + name] = value.types
        found |= flat(value.fields, f"{prefix}{name}.")
    return found


# What the SDK offers.


def sdk_module(token: str) -> types.ModuleType:
    package, place, _ = token.split(":")
    module = place.split("/", maxsplit=1)[0]
    module = f"{module}_" if keyword.iskeyword(module) else module
    return importlib.import_module(f"pulumi_{package}" + ("" if module == "index" else f".{module}"))


def sdk_fields(token: str) -> Fields:
    module = sdk_module(token)
    name = token.rsplit(":", maxsplit=1)[1]
    if not name.startswith("get"):
        defined_in = sys.modules[getattr(module, name).__module__]
        # The longer name is that of a resource whose arguments share their name with a nested block.
        names = (f"{name}InitArgs", f"{name}Args")
        return sdk_class(module, next(vars(defined_in)[name] for name in names if name in vars(defined_in)))
    function = getattr(module, re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name))
    arguments = re.findall(r"__args__\['(\w+)'\] = (\w+)", inspect.getsource(function))
    return {pulumi_name: sdk_value(module, function.__annotations__[name]) for pulumi_name, name in arguments}


def sdk_class(module: types.ModuleType, args: type, above: tuple[type, ...] = ()) -> Fields:
    if args in above:
        return {}
    names: Mapping[str, str] = _types.input_type_py_to_pulumi_names(args)
    return {
        pulumi_name: sdk_value(module, getattr(args, name).fget.__annotations__["return"], (*above, args))
        for name, pulumi_name in names.items()
    }


def sdk_value(module: types.ModuleType, hint: object, above: tuple[type, ...] = ()) -> Value:
    found = [sdk_alternative(module, alternative, above) for alternative in alternatives(hint)]
    return Value(
        types=frozenset().union(*(value.types for value in found)),
        fields={name: nested for value in found for name, nested in value.fields.items()},
    )


def alternatives(hint: object) -> Iterator[object]:
    """Take apart a union such as pulumi.Input[Optional[str]], without what may come later or not at all."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        for member in typing.get_args(hint):
            yield from alternatives(member)
    elif hint is not type(None) and typing.get_origin(hint) is not Awaitable:
        name = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else ""
        if not name.startswith(("Output[", "outputs.")) and not name.endswith("Dict"):
            yield hint


def sdk_alternative(module: types.ModuleType, hint: object, above: tuple[type, ...]) -> Value:
    origin = typing.get_origin(hint)
    if origin in {Sequence, Mapping}:
        element = sdk_value(module, typing.get_args(hint)[-1], above)
        collection = "list" if origin is Sequence else "map"
        return Value(types=frozenset(f"{collection}<{name}>" for name in element.types), fields=element.fields)
    scalar = next((name for scalar, name in SCALARS.items() if hint is scalar), None)
    if scalar:
        return Value(types=frozenset({scalar}))
    if isinstance(hint, typing.ForwardRef):
        hint = sdk_named(module, hint.__forward_arg__)
    if not isinstance(hint, type):
        raise TypeError(f"{module.__name__}: {hint!r} is not understood")
    if issubclass(hint, pulumi.Asset | pulumi.Archive):
        return Value(types=frozenset({"asset"}))
    if issubclass(hint, str):  # an enumeration
        return Value(types=frozenset({"string"}))
    if hint.__name__ == "PolicyDocumentArgs":
        return Value(types=frozenset({"document"}))
    return Value(types=frozenset({"object"}), fields=sdk_class(module, hint, above))


def sdk_named(module: types.ModuleType, name: str) -> object:
    name = name.rsplit(".", maxsplit=1)[-1]
    places = [importlib.import_module(f"{module.__name__}._inputs"), module]
    return next(getattr(place, name) for place in places if hasattr(place, name))


# What the plugins take.


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin's description: the arguments of each token, and of its configuration under its name."""

    fields: Mapping[str, Fields]
    is_built: bool
    version: str
    """What the plugin reports of itself."""


@pytest.fixture(scope="session")
def plugins() -> Mapping[str, Plugin]:
    tools = toolchain.obtain_toolchain()
    is_built = tools.origin == "built"
    return {
        name: Plugin(
            fields=described_by_plugin(tools, name) if is_built else described_by_engine(tools, name),
            is_built=is_built,
            version=output(binary(tools, name), "-version").strip(),
        )
        for name in versions.PLUGIN_NAMES
    }


def binary(tools: toolchain.Toolchain, name: str) -> str:
    home = tools.env.get("PULUMI_HOME") or os.environ.get("PULUMI_HOME") or Path("~/.pulumi").expanduser()
    return str(Path(home, "plugins", f"resource-{name}-v{versions.plugin_version(name)}", f"pulumi-resource-{name}"))


def described_by_plugin(tools: toolchain.Toolchain, name: str) -> Mapping[str, Fields]:
    described = json.loads(output(binary(tools, name), "--schema-names"))
    of_tokens = described["resources"] | described["invokes"]
    return {token: plugin_fields(fields) for token, fields in of_tokens.items()} | {
        name: plugin_fields(described["config"])
    }


def plugin_fields(described: Mapping[str, Any]) -> Fields:
    return {
        name: Value(types=plugin_types(value["type"]), fields=plugin_fields(value.get("fields", {})))
        for name, value in described.items()
    }


def plugin_types(name: str) -> frozenset[str]:
    """Return the alternatives of a type: a document may be a string as well."""
    return frozenset({"document", "string"} if name == "document" else {name})


def described_by_engine(tools: toolchain.Toolchain, name: str) -> Mapping[str, Fields]:
    environment = {**os.environ, **tools.env}
    environment["PATH"] = os.pathsep.join([*map(str, tools.path), environment["PATH"]])
    wanted = f"{name}@{versions.plugin_version(name)}"
    schema = json.loads(output("pulumi", "package", "get-schema", wanted, environment=environment))
    resources_ = {token: schema_fields(schema, spec["inputProperties"]) for token, spec in schema["resources"].items()}
    functions = {
        token: schema_fields(schema, spec.get("inputs", {}).get("properties", {}))
        for token, spec in schema["functions"].items()
    }
    return resources_ | functions | {name: schema_fields(schema, schema["provider"]["inputProperties"])}


def schema_fields(schema: Mapping[str, Any], properties: Mapping[str, Any], above: str = "") -> Fields:
    return {name: schema_value(schema, spec, above) for name, spec in properties.items()}


def schema_value(schema: Mapping[str, Any], spec: Mapping[str, Any], above: str) -> Value:
    if "oneOf" in spec:
        found = [schema_value(schema, alternative, above) for alternative in spec["oneOf"]]
        return Value(types=frozenset().union(*(value.types for value in found)))
    for key, collection in (("items", "list"), ("additionalProperties", "map")):
        if key in spec:
            element = schema_value(schema, spec[key], above)
            return Value(types=frozenset(f"{collection}<{n}>" for n in element.types), fields=element.fields)
    reference = spec.get("$ref", "")
    if not reference.startswith("#/types/"):
        name = "asset" if reference.startswith("pulumi.json#/") else spec["type"]
        return Value(types=frozenset({"any" if "Any" in reference else name}))
    target = schema["types"][reference.removeprefix("#/types/").replace("%2F", "/")]
    if "enum" in target:
        return Value(types=frozenset({target["type"]}))
    if reference.endswith(":PolicyDocument"):
        return Value(types=frozenset({"document"}))
    nested = {} if reference in above else schema_fields(schema, target["properties"], above + reference)
    return Value(types=frozenset({"object"}), fields=nested)


def output(*command: str, environment: Mapping[str, str] | None = None) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=LIMIT).stdout


# The comparison.


def declared_tokens() -> list[str]:
    return [
        entry["token"]
        for package in resources.read_resource_table().values()
        for kind in ("resources", "invokes")
        for entry in package[kind].values()
    ]


def assert_same(*, token: str, plugin: Plugin, key: str, offered: Fields) -> None:
    taken, wanted = flat(plugin.fields[key]), flat(offered)
    known_gaps = toolchain.unsupported_arguments(token) if plugin.is_built else frozenset()
    assert wanted.keys() - taken.keys() == known_gaps
    assert taken.keys() - wanted.keys() == set()
    both = wanted.keys() & taken.keys()
    assert {name: taken[name] for name in both} == {name: wanted[name] for name in both}


@pytest.mark.parametrize("token", declared_tokens())
def test_plugin_takes_the_arguments_that_the_sdk_offers(token: str, plugins: Mapping[str, Plugin]) -> None:
    plugin = plugins[token.split(":", maxsplit=1)[0]]
    assert_same(token=token, plugin=plugin, key=token, offered=sdk_fields(token))


@pytest.mark.parametrize("name", versions.PLUGIN_NAMES)
def test_plugin_takes_the_configuration_that_the_sdk_offers(name: str, plugins: Mapping[str, Plugin]) -> None:
    module = importlib.import_module(f"pulumi_{name}")
    offered = sdk_class(module, module.ProviderArgs)
    assert_same(token=f"pulumi:providers:{name}", plugin=plugins[name], key=name, offered=offered)


@pytest.mark.parametrize("name", versions.PLUGIN_NAMES)
def test_plugin_reports_the_version_of_the_sdk(name: str, plugins: Mapping[str, Plugin]) -> None:
    assert plugins[name].version.removeprefix("v") == versions.plugin_version(name)
