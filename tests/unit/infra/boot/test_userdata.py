"""User data fits EC2, and no file that goes into it holds a secret or swallows a failure."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import re

import pytest

from infra.boot import nodes, orchestrator, userdata
from infra.boot.userdata import BOOT_FOLDER, USER_DATA_LIMIT_BYTES, BootError, BootFile

FOLDERS = sorted(path for path in BOOT_FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__")
SCRIPTS = sorted(BOOT_FOLDER.glob("*/*.sh"))


def test_only_longer_user_data_is_compressed() -> None:
    text = "#cloud-config\n" + "# the same line\n" * 2000
    data = base64.b64decode(userdata.encode_user_data(text))
    assert data.startswith(b"\x1f\x8b")
    assert gzip.decompress(data).decode() == text
    assert base64.b64decode(userdata.encode_user_data("#cloud-config\n")) == b"#cloud-config\n"


def test_the_compressed_bytes_are_pinned() -> None:
    # If a new version of libdeflate changes this sum, it changes every node's launch template.
    text = "".join(f"{number} {number * number}\n" for number in range(2000))
    found = hashlib.sha256(base64.b64decode(userdata.encode_user_data(text))).hexdigest()
    assert found == "240ae2a47dec15d78835f49b160cbc817908b7a26b0551a2ac2b97750b107fc7"


def test_user_data_that_is_too_long_even_compressed_is_refused() -> None:
    with pytest.raises(BootError, match=r"has \d+ bytes compressed; EC2 takes 16384"):
        userdata.encode_user_data(os.urandom(USER_DATA_LIMIT_BYTES).hex())


@pytest.mark.parametrize(
    "pattern",
    [
        r"AKIA[0-9A-Z]{16}",
        r"gh[pousr]_\w{10,}",
        r"github_pat_",
        r"-----BEGIN",
        r"\b\d{12}\b",
        r"(?i)(password|token|secret|api_key)=['\"]?[A-Za-z0-9]{8,}",
        r"https://[^/\s]*@",
        r"(curl|wget)[^\n]*\|\s*(sudo\s+)?(ba)?sh",
        r"\|\|\s*(true|:)",
        r"(?i)nopasswd",
        r"StrictHostKeyChecking",
        r"--insecure|-k\s+https|--no-check-certificate",
        r"--dangerously",
        r"set \+e",
    ],
)
def test_what_must_not_be_in_user_data_is_not(pattern: str) -> None:
    for folder in FOLDERS:
        for path in folder.iterdir():
            assert not re.search(pattern, path.read_text()), path


def test_every_script_is_strict() -> None:
    assert {path.parent.name for path in SCRIPTS} == {"node", "orchestrator", "shared", "storage"}
    for path in SCRIPTS:
        assert path.read_text().startswith("#!/usr/bin/env bash\n"), path
        assert "\nset -euo pipefail\n" in path.read_text(), path


def test_every_file_goes_to_some_machine() -> None:
    placed = {of.source for files in (orchestrator.ORCHESTRATOR_FILES, *nodes.NODE_FILES.values()) for of in files}
    frames = {orchestrator.ORCHESTRATOR_CLOUD_CONFIG, nodes.NODE_CLOUD_CONFIG}
    assert placed | frames == {str(path.relative_to(BOOT_FOLDER)) for folder in FOLDERS for path in folder.iterdir()}


def test_a_file_that_names_an_unknown_variable_is_refused() -> None:
    agent = BootFile(source="node/cloudwatch-agent.json", path="/etc/agent.json")
    with pytest.raises(KeyError, match="CFS_LOG_GROUP"):
        userdata.render_cloud_config(nodes.NODE_CLOUD_CONFIG, files=[agent], variables={})


@pytest.mark.parametrize("value", ["", "a b", "$(reboot)", "a\nb", "a'b", 'a"b', "a;b", "${HOME}"])
def test_a_value_that_a_shell_would_interpret_is_refused(value: str) -> None:
    with pytest.raises(BootError, match="CFS_REPOSITORY"):
        userdata.render_cloud_config(nodes.NODE_CLOUD_CONFIG, files=[], variables={"CFS_REPOSITORY": value})
