"""Changes of Go modules: each is made where its code stands, or the build ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain.part import engine_part, providers_part
from toolchain.patches import limited_waits
from toolchain.patches.grouped_saves import GROUPED_SAVES
from toolchain.patches.source_patch import SourcePatch

if TYPE_CHECKING:
    from pathlib import Path

CODE = """// Licence.

package any

func first() {
\tanswer(1)
}

func second() {
\tanswer(1)
\tanswer(2)
}

func third() {
\tanswer(1)
}
"""
PATCH = SourcePatch(
    module="example.org/any",
    file="some/code.go",
    function="func second(",
    replacements=(("answer(1)", "reply(1)"), ("answer(2)", "reply(2)")),
    added_files={"reply.go": "package any\n"},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / PATCH.file
    file.parent.mkdir()
    file.write_text(CODE)
    return file


def test_only_the_function_is_changed_and_files_are_added_beside_it(file: Path, tmp_path: Path) -> None:
    PATCH.apply_to(tmp_path)
    changed = "func second() {\n\treply(1)\n\treply(2)\n}\n"
    assert file.read_text() == CODE.replace("func second() {\n\tanswer(1)\n\tanswer(2)\n}\n", changed)
    assert file.with_name("reply.go").read_text() == "package any\n"


@pytest.mark.parametrize(
    "code",
    [CODE.replace("answer(2)", "answer(3)"), CODE.replace("answer(2)", "answer(2)\n\tanswer(2)")],
    ids=["missing", "twice"],
)
def test_other_code_than_expected_is_named_and_nothing_is_written(file: Path, tmp_path: Path, code: str) -> None:
    file.write_text(code)
    with pytest.raises(LookupError, match=r"example\.org/any/some/code\.go does not have this once:\nanswer\(2\)"):
        PATCH.apply_to(tmp_path)
    assert file.read_text() == code
    assert not file.with_name("reply.go").exists()


def test_a_missing_function_is_not_changed_elsewhere(file: Path, tmp_path: Path) -> None:
    file.write_text(CODE.replace("func second(", "func renamed("))
    with pytest.raises(LookupError, match="does not have this once"):
        PATCH.apply_to(tmp_path)


def test_each_part_has_its_patches() -> None:
    assert [patch.file for patch in engine_part().patches] == ["backend/snapshot.go"]
    assert [patch.file for patch in providers_part().patches] == [
        "internal/provider/framework/identity_interceptor.go",
        "internal/backoff/backoff.go",
        "helper/retry/state.go",
        "helper/schema/schema.go",
        "pkg/tfbridge/internal/naming/naming.go",
        "pkg/tfbridge/names.go",
    ]


def test_all_steps_that_wait_are_answered_after_one_save() -> None:
    (_, code), *others = GROUPED_SAVES.replacements
    assert not others
    assert code.count("sm.saveSnapshot()") == 1
    taken, saved, answered = map(
        code.index, ("case another := <-mutationRequests:", "sm.saveSnapshot()", "range served {")
    )
    assert taken < saved < answered


def test_the_environment_limits_waits_in_code_of_the_same_package() -> None:
    added = [patch.added_files["longest_wait.go"] for patch in limited_waits.LIMITED_WAITS]
    assert [code.partition("\n")[0] for code in added] == ["package backoff", "package retry"]
    assert all(f'os.Getenv("{limited_waits.VARIABLE}")' in code for code in added)
