"""A stand-in for AWS's command line: `aws SERVICE OPERATION --parameter VALUE …`, with `--query` and `--output text`.

Values are texts or JSON, as for AWS's own. It supports what this project's pages and messages use.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import boto3
import jmespath
from botocore import xform_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_GLOBAL = ("--output", "--query", "--region")


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
    client = boto3.client("s3" if service == "s3api" else service, region_name=options.get("--region"))
    operation = command.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    parameters = {
        name: _read_value(member, options[option])
        for name, member in (shape.members.items() if shape else ())
        if (option := f"--{xform_name(name, '-')}") in options
    }
    answer: Any = getattr(client, operation)(**parameters)
    answer.pop("ResponseMetadata", None)
    if "--query" in options:
        answer = jmespath.search(options["--query"], answer)
    return str(answer) if options.get("--output") == "text" else json.dumps(answer, indent=4, default=str)


def _read_options(arguments: Sequence[str]) -> dict[str, str]:
    """Return the options by their names; one without a value is `true`, and `false` with the prefix `no-`."""
    options: dict[str, str] = {}
    place = 0
    while place < len(arguments):
        name, following = arguments[place], arguments[place + 1 : place + 2]
        if following and not following[0].startswith("--"):
            options[name] = following[0]
            place += 2
        else:
            options[name.replace("--no-", "--")] = "false" if name.startswith("--no-") else "true"
            place += 1
    return options


def _read_value(shape: Any, text: str) -> Any:  # botocore has no types
    if shape.type_name in ("structure", "list", "map"):
        return json.loads(text) if text.startswith(("{", "[")) else [text]
    if shape.type_name in ("integer", "long"):
        return int(text)
    return text == "true" if shape.type_name == "boolean" else text


if __name__ == "__main__":
    sys.stdout.write(call_aws(sys.argv[1:]) + "\n")
