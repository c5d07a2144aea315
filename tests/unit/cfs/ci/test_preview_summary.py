"""Summaries of previews, which one job writes and another shows in a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cfs.ci.preview_comment import comment_text, purpose_marker, summary_section
from cfs.ci.preview_summary import PreviewSummary, read_preview_summaries
from cfs.previews.changes import PreviewChange
from terminal.errors import UserError
from terminal.markdown import COMMENT_LIMIT

if TYPE_CHECKING:
    from pathlib import Path


def many(count: int, operation: str = "update") -> tuple[PreviewChange, ...]:
    urn = "urn:pulumi:staging::claudefs-infra::claudefs:infra:Network$aws:ec2/vpc:Vpc"
    return tuple(
        PreviewChange(urn=f"{urn}::{operation}-{number}", operation=operation, properties=("tags.Name",) * 12)
        for number in range(count)
    )


def summary(*changes: PreviewChange, drift: tuple[PreviewChange, ...] | None = None) -> PreviewSummary:
    return PreviewSummary(environment="staging", changes=changes, drift=drift)


def test_a_summary_is_read_back_as_it_was_written() -> None:
    for written in (summary(*many(2), drift=many(1, "delete")), summary()):
        assert PreviewSummary.model_validate_json(written.model_dump_json()) == written


def test_an_environment_without_a_summary_counts_as_failed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(PreviewSummary(environment="prod", changes=()).model_dump_json())
    found = read_preview_summaries(tmp_path, '["staging", "production"]')
    assert list(found) == ["staging", "production"]
    assert found["staging"] is None
    assert found["production"] is not None


@pytest.mark.parametrize("expected", ["staging", "", "3"])
def test_environments_that_are_not_a_list_are_refused(tmp_path: Path, expected: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_preview_summaries(tmp_path, expected)


def test_the_comment_begins_with_the_marker_of_its_purpose() -> None:
    assert comment_text({}, title="T", purpose="preview").startswith(purpose_marker("preview"))


def test_without_a_drift_check_the_summary_does_not_mention_drift() -> None:
    assert "drifted" not in summary_section(summary())
    assert "Nothing has drifted." in summary_section(summary(drift=()))


def test_destructive_changes_come_first() -> None:
    text = summary_section(summary(*many(2), *many(1, "replace"), *many(1, "delete"), *many(1, "create")))
    order = [text.index(f"`{name}`") for name in ("delete-0", "replace-0", "update-0", "create-0")]
    assert order == sorted(order)
    assert "1 delete, 1 replace, 2 update, 1 create" in text
    assert "**delete**" in text


def test_the_comment_reports_a_failed_preview() -> None:
    text = comment_text({"staging": None}, title="T", purpose="preview", page="https://example.org/run")
    assert "The preview failed" in text
    assert "https://example.org/run" in text


@pytest.mark.parametrize("environments", [1, 2, 5])
def test_a_long_comment_is_cut_to_githubs_limit_and_keeps_its_sections(environments: int) -> None:
    changes = [*many(2000 // environments), *many(1, "delete")]
    summaries = {f"e{number}": summary(*changes) for number in range(environments)}
    text = comment_text(summaries, title="T", purpose="preview", sections=["### Price\n\n+3 $ a day"])
    assert len(text) <= COMMENT_LIMIT
    assert text.count("**delete**") == environments
    assert text.count("the rest is in the run's log") == environments
    assert text.rstrip().endswith("+3 $ a day")


def test_sections_that_are_too_long_are_cut_as_well() -> None:
    text = comment_text({"e": summary(*many(9))}, title="T", purpose="preview", sections=["x" * 200_000])
    assert len(text) <= COMMENT_LIMIT
    assert "update-0" in text
