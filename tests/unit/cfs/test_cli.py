"""The console command itself."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("boto3", "botocore", "moto", "pulumi", "pydantic")
"""Packages that take tens of milliseconds to import, and that most commands do without."""


def test_the_start_of_a_command_waits_for_no_heavy_import() -> None:
    program = f"import sys, cfs.cli; print([name for name in {HEAVY!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "[]\n"
