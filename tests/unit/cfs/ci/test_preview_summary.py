"""What the engine tells, and how it is worded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cfs.ci import markdown
from cfs.ci.preview_summary import PreviewChange, PreviewSummary, parse_changes, read_preview_summaries
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

VPC = "urn:pulumi:prod::claudefs-infra::claudefs:infra:Network$aws:ec2/vpc:Vpc::network-vpc"


def many(count: int, operation: str = "update") -> list[PreviewChange]:
    return [
        PreviewChange(
            operation=operation, type="aws:ec2/vpc:Vpc", name=f"{operation}-{number}", properties=["tags.Name"] * 12
        )
        for number in range(count)
    ]


def look(changes: list[PreviewChange], drift: list[PreviewChange] | None = None) -> PreviewSummary:
    return PreviewSummary(environment="staging", changes=changes, drift=drift)


def test_a_difference_names_properties_without_values() -> None:
    told = {"steps": [{"op": "update", "urn": VPC, "detailedDiff": {"tags.Name": {"kind": "update"}}}]}
    assert parse_changes(told) == [
        PreviewChange(operation="update", type="aws:ec2/vpc:Vpc", name="network-vpc", properties=["tags.Name"])
    ]


def test_nothing_is_told_by_an_empty_answer() -> None:
    assert parse_changes({}) == []


def test_what_is_written_down_is_read_back() -> None:
    for seen in (look(many(2), many(1, "delete")), look([])):
        assert PreviewSummary.from_json(seen.to_json()).to_json() == seen.to_json()


def test_an_environment_without_a_look_has_failed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(PreviewSummary(environment="prod", changes=[]).to_json())
    found = read_preview_summaries(tmp_path, '["staging", "production"]')
    assert list(found) == ["staging", "production"]
    assert found["staging"] is None
    assert found["production"] is not None


@pytest.mark.parametrize("expected", ["staging", "", "3"])
def test_environments_that_are_no_list_are_named(tmp_path: Path, expected: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_preview_summaries(tmp_path, expected)


def test_the_comment_begins_with_what_finds_it_again() -> None:
    assert markdown.comment_text({}, title="T", purpose="preview").startswith(markdown.purpose_marker("preview"))


def test_drift_that_nobody_looked_for_is_not_denied() -> None:
    assert "drifted" not in markdown.summary_section(look([]))
    assert "Nothing has drifted." in markdown.summary_section(look([], []))


def test_what_destroys_stands_first() -> None:
    text = markdown.summary_section(look([*many(2), *many(1, "replace"), *many(1, "delete"), *many(1, "create")]))
    order = [text.index(f"`{name}`") for name in ("delete-0", "replace-0", "create-0", "update-0")]
    assert order == sorted(order)
    assert "1 delete, 1 replace, 1 create, 2 update" in text
    assert "**delete**" in text


def test_many_properties_are_counted() -> None:
    assert "and 4 more" in markdown.summary_section(look(many(1)))


def test_a_failed_preview_is_told() -> None:
    text = markdown.comment_text({"staging": None}, title="T", purpose="preview", page="https://example.org/run")
    assert "The preview failed" in text
    assert "https://example.org/run" in text


@pytest.mark.parametrize("environments", [1, 2, 5])
def test_a_comment_keeps_githubs_limit_and_its_sections(environments: int) -> None:
    looks = {f"e{number}": look([*many(2000), *many(1, "delete")]) for number in range(environments)}
    text = markdown.comment_text(looks, title="T", purpose="preview", sections=["### Price\n\n+3 $ a day"])
    assert len(text) <= markdown.COMMENT_LIMIT
    assert text.count("**delete**") == environments
    assert text.count("the rest is in the run's log") == environments
    assert text.rstrip().endswith("+3 $ a day")


def test_sections_that_are_too_long_are_cut_as_well() -> None:
    text = markdown.comment_text({"e": look(many(9))}, title="T", purpose="preview", sections=["x" * 200_000])
    assert len(text) <= markdown.COMMENT_LIMIT
    assert "update-0" in text
