"""What must not be in the repository."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent

FORBIDDEN = {
    # Less the two that AWS's documentation itself uses as examples.
    "an AWS account id": r"(?<![\w.])(?!111122223333|444455556666)\d{12}(?![\w.])",
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


@cache
def texts() -> dict[str, str]:
    return {str(path.relative_to(PROJECT)): path.read_text(errors="replace") for path in tracked_files()}


def test_all_files_are_looked_at() -> None:
    assert len(texts()) > 500
    assert {
        "README.md",
        "Makefile",
        ".ci/run",
        ".github/workflows/ci.yml",
        "infra/boot/node/drain.sh",
    } <= texts().keys()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
        for name, text in texts().items()
        for match in re.finditer(FORBIDDEN[what], text)
    ]
    assert found == []


def test_shellcheck_sees_every_shell_script() -> None:
    [patterns] = re.findall(r"git ls-files -z (.*) \| xargs -0 \S*shellcheck$", texts()["Makefile"], re.MULTILINE)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *shlex.split(patterns)],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )

    scripts = {name for name, text in texts().items() if re.match(r"#!\S+(sh|env \w*sh)\n", text)}
    assert scripts == {name for name in listed.stdout.split("\0") if name}
    assert len(scripts) >= 20


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
