"""The cost guard's package: the same bytes everywhere, and all that it imports."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from infra.guard import package
from local.aws.functions import runtime_folder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_package_depends_on_the_files_content_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = package.build_package()

    copies = {}
    for name, source in reversed(list(package.package_files().items())):
        copies[name] = tmp_path / name
        copies[name].parent.mkdir(parents=True, exist_ok=True)
        copies[name].write_bytes(source.read_bytes())
        copies[name].chmod(0o600)
        os.utime(copies[name], (0, 0))
    monkeypatch.setattr(package, "package_files", lambda: copies)
    monkeypatch.chdir(tmp_path)

    assert package.build_package() == first
    entries = zipfile.ZipFile(io.BytesIO(first)).infolist()
    assert {(entry.date_time[0], entry.compress_type, entry.external_attr >> 16) for entry in entries} == {
        (1980, zipfile.ZIP_STORED, 0o100644)
    }
    assert {"guard/handler.py", "costs/prices.json", "typing_extensions.py"} <= {entry.filename for entry in entries}


def test_the_handler_is_imported_with_nothing_but_the_package_and_lambdas_runtime(tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(package.build_package())).extractall(tmp_path)

    run = subprocess.run(
        [sys.executable, "-S", "-P", "-c", "import guard.handler; print(guard.handler.__file__)"],
        env={"PYTHONPATH": os.pathsep.join((str(tmp_path), str(runtime_folder())))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.stdout.strip() == str(tmp_path / "guard/handler.py"), run.stderr
