"""The built engine saves the state once for all steps that wait for a save."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from toolchain import grouped_saves

if TYPE_CHECKING:
    from pathlib import Path

CODE = """package backend

\t\tcase request := <-mutationRequests:
\t\t\tvar err error
\t\t\tif request.mutator() {
\t\t\t\terr = sm.saveSnapshot()
\t\t\t\thasElidedWrites = false
\t\t\t} else {
\t\t\t\thasElidedWrites = true
\t\t\t}
\t\t\trequest.result <- err
\t\tcase <-sm.cancel:
"""


def write_module(folder: Path, code: str) -> Path:
    file = folder / grouped_saves.SNAPSHOT_FILE
    file.parent.mkdir()
    file.write_text(code)
    return file


def test_all_that_wait_are_answered_after_one_save(tmp_path: Path) -> None:
    file = write_module(tmp_path, CODE)
    grouped_saves.save_for_all_waiting(tmp_path)
    code = file.read_text()
    assert code.count("sm.saveSnapshot()") == 1
    assert code.index("case another := <-mutationRequests:") < code.index("sm.saveSnapshot()")
    assert code.index("sm.saveSnapshot()") < code.index("for _, request := range served {")
    assert code.endswith("\t\tcase <-sm.cancel:\n")


def test_other_code_than_expected_is_refused(tmp_path: Path) -> None:
    write_module(tmp_path, CODE.replace("hasElidedWrites = true", "hasElidedWrites = !sm.isRefresh"))
    with pytest.raises(LookupError, match=re.escape("backend/snapshot.go")):
        grouped_saves.save_for_all_waiting(tmp_path)
