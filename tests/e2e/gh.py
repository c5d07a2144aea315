"""Stands in for GitHub's command line where a person sets a secret or a variable; calls the address of the provider."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

from nacl.public import PublicKey, SealedBox


def call_github(method: str, path: str, body: object = None) -> Any:
    """Call the repository's API."""
    request = urllib.request.Request(
        f"{os.environ['GITHUB_BASE_URL']}repos/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def set_secret(place: str, name: str, value: str) -> None:
    """Encrypt a secret for the environment's key, and put it."""
    key = call_github("GET", f"{place}/secrets/public-key")
    sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
    body = {"encrypted_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}
    call_github("PUT", f"{place}/secrets/{name}", body)


def set_variable(place: str, name: str, value: str) -> None:
    """Make a variable, or change it."""
    try:
        call_github("PATCH", f"{place}/variables/{name}", {"name": name, "value": value})
    except urllib.error.HTTPError:
        call_github("POST", f"{place}/variables", {"name": name, "value": value})


def read_line() -> str:
    """Return one line of standard input, and leave the rest to the next command."""
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
        return raw.readline().decode().strip()


def main() -> None:
    """Run the command that is given."""
    parser = argparse.ArgumentParser(prog="gh")
    parser.add_argument("kind", choices=["secret", "variable"])
    parser.add_argument("verb", choices=["set"])
    parser.add_argument("name")
    parser.add_argument("--repo", required=True)
    parser.add_argument("--env")
    parser.add_argument("--body")
    given = parser.parse_args()
    place = f"{given.repo}/environments/{given.env}" if given.env else f"{given.repo}/actions"
    set_value = set_secret if given.kind == "secret" else set_variable
    set_value(place, given.name, read_line() if given.body is None else given.body)


if __name__ == "__main__":
    main()
