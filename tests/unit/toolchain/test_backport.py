"""What was deleted outside Pulumi is read as gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain import backport

if TYPE_CHECKING:
    from pathlib import Path

CODE = """package framework

func (r identityInterceptor) create() {
\tresponse.State.GetAttribute(ctx)
}

func (r identityInterceptor) read(ctx context.Context) {
\tswitch response, when := opts.response, opts.when; when {
\tcase After:
\t\tif response.State.Raw.IsNull() {
\t\t\tbreak
\t\t}
\t\tresponse.State.GetAttribute(ctx)
\t}
}

func (r identityInterceptor) update() {
\t\tif response.State.Raw.IsNull() {
\t\t\tbreak
\t\t}
\tresponse.State.GetAttribute(ctx)
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / backport.FILE
    file.parent.mkdir(parents=True)
    file.write_text(CODE)
    return file


def function(code: str, name: str) -> str:
    return code.partition(f") {name}(")[2].partition("\n}\n")[0]


def test_what_is_gone_keeps_the_identity_of_the_state_before(file: Path, tmp_path: Path) -> None:
    backport.identify_what_is_gone(tmp_path)

    read = function(file.read_text(), "read")
    assert "state := response.State" in read
    assert "state = opts.request.State" in read
    assert "\t\tstate.GetAttribute(ctx)" in read
    assert "break" not in read


@pytest.mark.parametrize("name", ["create", "update"])
def test_only_reading_is_repaired(file: Path, tmp_path: Path, name: str) -> None:
    backport.identify_what_is_gone(tmp_path)

    assert function(file.read_text(), name) == function(CODE, name)


@pytest.mark.parametrize("missing", ["break", "GetAttribute"])
def test_a_place_that_is_not_where_it_was_is_refused(file: Path, tmp_path: Path, missing: str) -> None:
    file.write_text(CODE.replace(missing, "other"))
    with pytest.raises(LookupError, match="where it reads"):
        backport.identify_what_is_gone(tmp_path)
