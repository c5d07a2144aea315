"""The review of a preview: its content without secrets, and its digest.

The digest covers everything that determines what `up` does: the program, the deployed commit, the stack's settings, the
versions of engine and providers, and each change with the inputs before and after it. Two previews have the same digest
if applying them has the same effect.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from cfs.deploy.stored_documents import StoredDocument
from cfs.previews.changes import PreviewChange, canonical_digest, count_changes, read_changes
from cfs.previews.changes_table import changes_table
from terminal.markdown import SUMMARY_LIMIT, code_span, cut_markdown, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PRICE_MARK = "<!-- cfs:price -->"
"""Placeholder for the price of the changes in the summary."""

POLICY_MARK = "<!-- cfs:policy -->"
"""Placeholder for the policies' findings in the summary."""


class Review(StoredDocument):
    """Content of a review.

    Attributes:
        schema_version: 1.
        environment: The stack's name.
        commit: The deployed commit.
        program: SHA-256 of the files that declare the infrastructure, encrypted secret settings included.
        engine: Version of Pulumi.
        providers: Providers with their versions.
        settings: The stack's settings; a secret is the word `[secret]`.
        changes: The changes, sorted by URN.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    environment: str
    commit: str
    program: str
    engine: str
    providers: tuple[str, ...]
    settings: dict[str, str]
    changes: tuple[PreviewChange, ...]

    @property
    def review_digest(self) -> str:
        """SHA-256 of the review, 64 hexadecimal digits."""
        return canonical_digest(self.model_dump(by_alias=True))


def review_of_preview(
    preview: Mapping[str, Any], *, environment: str, commit: str, program: str, engine: str
) -> Review:
    """Return the review of a preview's JSON."""
    return Review(
        environment=environment,
        commit=commit,
        program=program,
        engine=engine,
        providers=tuple(
            sorted({provider for step in preview.get("steps", []) for provider in _provider_versions(step)})
        ),
        settings=dict(sorted(preview.get("config", {}).items())),
        changes=tuple(sorted(read_changes(preview), key=lambda change: (change.urn, change.operation))),
    )


def review_differences(reviewed: Review, now: Review) -> list[str]:
    """Describe the differences between two reviews, one per line."""
    differences = [
        f"{field}: reviewed {getattr(reviewed, field) or 'none'}, now {getattr(now, field) or 'none'}"
        for field in ("environment", "commit", "program", "engine")
        if getattr(reviewed, field) != getattr(now, field)
    ]
    if reviewed.providers != now.providers:
        differences.append(f"providers: reviewed {', '.join(reviewed.providers)}, now {', '.join(now.providers)}")
    for key in sorted(reviewed.settings.keys() | now.settings.keys()):
        before, after = reviewed.settings.get(key), now.settings.get(key)
        if before != after:
            differences.append(f"setting {key}: reviewed {_value_text(before)}, now {_value_text(after)}")
    return [*differences, *_change_differences(reviewed.changes, now.changes)]


def review_summary(review: Review, complaints: Sequence[str], *, cost: str = "", policies: str = "") -> str:
    """Return the review as Markdown for a job summary, with the cost and the policies' findings, also in Markdown."""
    parts = [
        f"### Preview of {review.environment}: {count_changes(review.changes) or 'no changes'}",
        f"Digest `{review.review_digest}`",
        _facts_table(review),
        *([_complaints_list(complaints)] if complaints else []),
        *([cut_markdown(changes_table(review.changes), limit=SUMMARY_LIMIT)] if review.changes else []),
        f"{PRICE_MARK}\n{cost}",
        f"{POLICY_MARK}\n{policies}",
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def review_text(review: Review, complaints: Sequence[str]) -> str:
    """Return the review as short text."""
    lines = [f"{review.environment}: {count_changes(review.changes) or 'no changes'}", f"digest {review.review_digest}"]
    lines += [
        f"  {change.operation} {change.display_name} {', '.join(change.properties)}".rstrip()
        for change in review.changes
    ]
    return "\n".join([*lines, *(f"error: {complaint}" for complaint in complaints)])


def _provider_versions(step: Mapping[str, Any]) -> Iterable[str]:
    """Yield a step's provider: `…::pulumi:providers:aws::default_7_51_1::…` is version 7.51.1 of `aws`."""
    parts = step.get("provider", "").split("::")
    for kind, name in pairwise(parts):
        if kind.startswith("pulumi:providers:"):
            yield f"{kind.removeprefix('pulumi:providers:')} {name.removeprefix('default_').replace('_', '.')}"


def _value_text(value: str | None) -> str:
    return "unset" if value is None else repr(value)


def _change_differences(reviewed: Sequence[PreviewChange], now: Sequence[PreviewChange]) -> list[str]:
    before = {(change.urn, change.operation): change for change in reviewed}
    after = {(change.urn, change.operation): change for change in now}
    differences = [
        f"not reviewed: {after[key].operation} {after[key].display_name}" for key in after.keys() - before.keys()
    ]
    differences += [
        f"no longer: {before[key].operation} {before[key].display_name}" for key in before.keys() - after.keys()
    ]
    for key in before.keys() & after.keys():
        if before[key] != after[key]:
            fields = [
                field
                for field in PreviewChange.model_fields
                if getattr(before[key], field) != getattr(after[key], field)
            ]
            differences.append(
                f"{after[key].operation} {after[key].display_name}: different {' and '.join(map(_field_words, fields))}"
            )
    return sorted(differences)


def _field_words(name: str) -> str:
    words = {"before": "current state", "after": "new values", "protected": "protection"}
    return words.get(name, name)


def _facts_table(review: Review) -> str:
    facts = {
        "commit": review.commit,
        "cluster size": review.settings.get("claudefs-infra:clusterSize", "none"),
        "Pulumi": review.engine,
        "providers": ", ".join(review.providers) or "none",
    }
    return markdown_table(("", ""), [(name, code_span(value)) for name, value in facts.items()])


def _complaints_list(complaints: Sequence[str]) -> str:
    return "**It cannot be applied:**\n\n" + "\n".join(f"- {complaint}" for complaint in complaints)
