"""Local accounts of a measurement's own, which leave nothing behind."""

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
"""What would lead to the user's own account, or fix the ports that it takes."""

_COPIED_NAMES = (servers.AWS_EMULATOR.state_file, servers.GITHUB_EMULATOR.state_file, "pulumi")
"""What makes up an account at rest: the emulators' state and the stack's."""


@contextmanager
def scratch_engine(*, like: Path | None = None) -> Iterator[LocalEngine]:
    """Open an account in a new folder, and in the end stop its emulators and remove it.

    While it is open, commands started without an environment of their own work on it.

    Args:
        like: The folder of an account at rest that the new one begins as a copy of.
    """
    before = {name: os.environ.pop(name) for name in _USER_VARIABLES if name in os.environ}
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
        os.environ.update(before)


def copy_account(source: Path, target: Path) -> None:
    """Copy an account whose emulators are stopped or at rest."""
    for name in _COPIED_NAMES:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, target / name)
        else:
            shutil.copy2(path, target / name)
