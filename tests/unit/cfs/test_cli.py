"""The console command itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
from typer.testing import CliRunner

from cli.app import LAZY_COMMANDS, app
from local import servers

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HEAVY = ("boto3", "botocore", "moto", "pulumi", "pydantic")
"""Packages that take tens of milliseconds to import, and that most commands do not need."""


def test_starting_a_command_imports_no_heavy_package() -> None:
    program = f"import sys, cli.app; print([name for name in {HEAVY!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "[]\n"


def test_only_commands_of_the_harness_import_pulumi_or_moto() -> None:
    targets = [command.target for command in LAZY_COMMANDS.values()]
    modules = {target.partition(":")[0] for target in targets if not target.startswith("measure.")}
    assert {"cfs.deploy.app", "local.app"} < modules
    program = f"import sys, {', '.join(modules)}; print({{'moto', 'pulumi'}} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "set()\n"


def test_status_shows_the_url_of_each_running_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFS_LOCAL_DIR", str(tmp_path))
    alive = {"pid": os.getpid(), "created": psutil.Process().create_time() - psutil.boot_time(), "port": 1234}
    (tmp_path / "servers.json").write_text(json.dumps({servers.GITHUB_EMULATOR.module: alive}))

    done = CliRunner().invoke(app, ["local", "status", "--json"])

    assert {name: of["url"] for name, of in json.loads(done.stdout).items()} == {
        "local.aws": None,
        "local.github": "http://127.0.0.1:1234",
    }
