"""The environment limits how long the AWS provider waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain import waits

if TYPE_CHECKING:
    from pathlib import Path

PLACE = waits.Place(file="helper/state.go", waits=("conf.Delay", "wait"))

CODE = """package retry

func poll() {
\t<-time.After(conf.Delay)
\t<-time.After(wait)
\t<-time.After(conf.Timeout)
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / PLACE.file
    file.parent.mkdir()
    file.write_text(CODE)
    return file


def test_waits_are_limited_and_timeouts_are_not(file: Path, tmp_path: Path) -> None:
    waits.limit(tmp_path, PLACE)
    limited = CODE.replace("time.After(conf.Delay)", "afterWait(conf.Delay)")
    assert file.read_text() == limited.replace("time.After(wait)", "afterWait(wait)")


def test_the_limit_is_code_of_the_same_package_that_asks_the_environment(file: Path, tmp_path: Path) -> None:
    waits.limit(tmp_path, PLACE)
    code = file.with_name("longest_wait.go").read_text()
    assert code.startswith("package retry\n")
    assert f'os.Getenv("{waits.VARIABLE}")' in code


def test_a_wait_that_is_not_where_it_was_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_text(CODE.replace("time.After(wait)", "time.After(pause)"))
    with pytest.raises(LookupError, match=r"helper/state\.go does not have time\.After\(wait\) once"):
        waits.limit(tmp_path, PLACE)
