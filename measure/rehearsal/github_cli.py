"""A stand-in for GitHub's command line, `gh`: secrets, variables, releases, attestations, deletions.

Requests are sent to the GitHub provider's URL, `GITHUB_BASE_URL`. Releases are in the folder
`CFS_REHEARSED_RELEASES`. An attestation contains the archive's SHA-256 and the commit.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from nacl.public import PublicKey, SealedBox

from measure.rehearsal.emulator_requests import send_request
from terminal.errors import UserError


def install_github_cli(folder: Path) -> None:
    """Create a folder with a program `gh`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "gh"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {__name__} "$@"\n')
    program.chmod(0o755)


def call_github(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """Call the repository's API."""
    return send_request(f"{os.environ['GITHUB_BASE_URL']}repos/{path}", method, body, token=_read_token())


def set_secret(place: str, name: str, value: str) -> None:
    """Encrypt a secret with the repository's key, and create or replace it."""
    key = call_github("GET", f"{place}/secrets/public-key")
    sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
    body = {"encrypted_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}
    call_github("PUT", f"{place}/secrets/{name}", body)


def set_variable(place: str, name: str, value: str) -> None:
    """Change a variable, or create it."""
    body = {"name": name, "value": value}
    try:
        call_github("PATCH", f"{place}/variables/{name}", body)
    except UserError:
        call_github("POST", f"{place}/variables", body)


def download_release(version: str, target: Path) -> None:
    """Copy a release's files."""
    source = Path(os.environ["CFS_REHEARSED_RELEASES"], version)
    if not source.is_dir():
        raise UserError("release not found", repair="release the version first")
    shutil.copytree(source, target, dirs_exist_ok=True)


def verify_attestation(archive: Path, bundle: Path, commit: str) -> None:
    """Check an archive against its attestation."""
    attested = json.loads(bundle.read_text(encoding="utf-8"))
    actual = {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest(), "commit": commit}
    if attested != actual:
        raise UserError(f"verification failed: {attested} attested, {actual} found", repair="build it again")


def run_command(given: argparse.Namespace) -> None:
    """Run one command."""
    if given.group == "release":
        download_release(given.version, given.dir)
    elif given.group == "attestation":
        verify_attestation(given.archive, given.bundle, given.source_digest)
    elif given.group == "api":
        call_github("DELETE", given.path.removeprefix("repos/"))
    else:
        place = f"{given.repo}/environments/{given.env}" if given.env else f"{given.repo}/actions"
        if given.command == "delete":
            call_github("DELETE", f"{place}/variables/{given.name}")
            return
        set_value = set_secret if given.group == "secret" else set_variable
        set_value(place, given.name, _read_line() if given.body is None else given.body)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gh")
    groups = parser.add_subparsers(dest="group", required=True)

    def add_commands(group: str, *names: str) -> list[argparse.ArgumentParser]:
        commands = groups.add_parser(group).add_subparsers(dest="command", required=True)
        return [commands.add_parser(name) for name in names]

    [download] = add_commands("release", "download")
    download.add_argument("version")
    download.add_argument("--dir", type=Path, required=True)
    [verify] = add_commands("attestation", "verify")
    verify.add_argument("archive", type=Path)
    verify.add_argument("--bundle", type=Path, required=True)
    for option in ("--source-digest", "--repo", "--signer-workflow"):
        verify.add_argument(option, required=True)
    verify.add_argument("--deny-self-hosted-runners", action="store_true", required=True)
    settings = [*add_commands("secret", "set"), *add_commands("variable", "set", "delete")]
    for setting in settings:
        setting.add_argument("name")
        setting.add_argument("--repo", required=True)
        setting.add_argument("--env")
    for setting in settings[:2]:
        setting.add_argument("--body")
    request = groups.add_parser("api")
    request.add_argument("--method", choices=["DELETE"], required=True)
    request.add_argument("path")
    return parser.parse_args()


def _read_token() -> str:
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")
    if not token:
        raise UserError("gh: no token", repair="set the GH_TOKEN environment variable")
    return token


def _read_line() -> str:
    """Read one line of standard input, and leave the rest to the next command."""
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
        return raw.readline().decode().strip()


def main() -> None:
    """Run the given command; fail without a token."""
    given = _parse_arguments()
    try:
        _read_token()
        run_command(given)
    except UserError as error:
        sys.exit(f"{error.problem}\n{error.repair}")


if __name__ == "__main__":
    main()
