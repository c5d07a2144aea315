"""What must not be in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent

FORBIDDEN = {
    "an AWS account id": r"(?<![\w.])\d{12}(?![\w.])",
    "an AWS access key": r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    "a classic GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
    "a fine-grained GitHub token": r"\bgithub_pat_[A-Za-z0-9_]{40,}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a Slack webhook": r"hooks\.slack\.com/services/T\w+/B\w+",
}


CHECKSUMS = ("go.sum", "go.mod", "requirements.txt")
"""Files of checksums and commit hashes, some of which are twelve digits by chance."""


def tracked_files() -> list[Path]:
    """List what git tracks or would add, less what it has deleted and files of checksums."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    paths = [PROJECT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and path.name not in CHECKSUMS]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "what, example",
    [
        ("an AWS account id", "arn:aws:iam::" + "1234" * 3 + ":role/x"),
        ("an AWS access key", "AKIA" + "ABCD" * 4),
        ("a classic GitHub token", "ghp_" + "a" * 36),
        ("a private key", "-----BEGIN " + "RSA PRIVATE KEY-----"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, example: str) -> None:
    assert re.search(FORBIDDEN[what], example)
