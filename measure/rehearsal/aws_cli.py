"""A stand-in for AWS's command line: `aws SERVICE OPERATION --parameter VALUE …`, with `--query` and `--output text`.

Values are texts, JSON, `Key=a,Value=b` or `file:///dev/stdin`, as for AWS's own. It supports what this project's pages
and messages use.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import boto3
import jmespath
from botocore import xform_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STANDARD_INPUT = "file:///dev/stdin"


def install_aws_cli(folder: Path) -> None:
    """Create a program `aws` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "aws"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {__name__} "$@"\n')
    program.chmod(0o755)


def call_aws(arguments: Sequence[str]) -> str:
    """Call an operation, and return its output as the command line prints it."""
    service, command, *rest = arguments
    options = _read_options(rest)
    client = boto3.client(service.removesuffix("api"), region_name=_last_word(options, "--region"))
    operation = command.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    parameters = {
        name: _read_value(member, options[option])
        for name, member in (shape.members.items() if shape else ())
        if (option := f"--{xform_name(name, '-')}") in options
    }
    answer: Any = getattr(client, operation)(**parameters)
    answer.pop("ResponseMetadata", None)
    if query := _last_word(options, "--query"):
        answer = jmespath.search(query, answer)
    return str(answer) if _last_word(options, "--output") == "text" else json.dumps(answer, indent=4, default=str)


def _read_options(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the words after each option."""
    options: dict[str, list[str]] = {}
    words: list[str] = []
    for argument in arguments:
        if argument.startswith("--"):
            words = options.setdefault(argument, [])
        else:
            words.append(argument)
    return options


def _last_word(options: Mapping[str, Sequence[str]], option: str) -> str | None:
    return options[option][-1] if options.get(option) else None


def _read_value(shape: Any, words: Sequence[str]) -> Any:  # botocore has no types
    if shape.type_name == "boolean":
        return True
    if words[0].startswith(("{", "[")) and shape.type_name in ("structure", "list", "map"):
        return json.loads(words[0])
    if shape.type_name == "list":
        return [_read_value(shape.member, [word]) for word in words]
    [word] = words
    if shape.type_name == "structure":
        return dict(part.split("=", 1) for part in word.split(","))
    if word == _STANDARD_INPUT:
        return sys.stdin.read()
    convert = {"integer": int, "long": int, "double": float}.get(shape.type_name, str)
    return convert(word)


if __name__ == "__main__":
    sys.stdout.write(call_aws(sys.argv[1:]) + "\n")
