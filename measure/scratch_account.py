"""Temporary local accounts for measurements."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local import leftovers, servers
from local.account import open_account
from local.engine import LocalEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER_VARIABLES = ("CFS_LOCAL_DIR", servers.AWS_EMULATOR.port_variable, servers.GITHUB_EMULATOR.port_variable)
"""Variables that would select the user's own account or its ports."""

_COPIED_NAMES = (servers.AWS_EMULATOR.state_file, servers.GITHUB_EMULATOR.state_file, "pulumi")
"""Files and folders of a stopped account: the state of the emulators and of the stack."""


@contextmanager
def scratch_engine(*, like: Path | None = None) -> Iterator[LocalEngine]:
    """Open an account in a new folder; at the end, stop its emulators and remove it.

    While it is open, commands that inherit this process's environment use it.

    Args:
        like: Folder of a stopped account to copy.
    """
    with without_user_account():
        folder = Path(tempfile.mkdtemp(prefix="cfs-"))
        os.environ["CFS_LOCAL_DIR"] = str(folder)
        try:
            if like is not None:
                copy_account(like, folder)
            engine = LocalEngine(account=open_account())
            try:
                engine.ensure_stack()
                yield engine
            finally:
                leftovers.end_leftover_processes(engine.account)
        finally:
            servers.stop_emulators(folder)
            shutil.rmtree(folder, ignore_errors=True)
            del os.environ["CFS_LOCAL_DIR"]


@contextmanager
def without_user_account() -> Iterator[None]:
    """Hide the variables that would select the user's own account or its ports."""
    before = {name: os.environ.pop(name) for name in _USER_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def copy_account(source: Path, target: Path) -> None:
    """Copy an account with emulators that are stopped or idle."""
    for name in _COPIED_NAMES:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, target / name)
        else:
            shutil.copy2(path, target / name)
