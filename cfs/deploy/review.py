"""What is reviewed before it is applied: taken from Pulumi's preview, without secrets, and known by its digest.

The digest covers all that decides what `up` does: the program, the commit that is deployed, the stack's settings, the
versions of engine and providers, and each change with the state that it starts from and the one that it leads to. Two
previews have one digest when they would do the same.
"""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from cfs.deploy.stored_documents import StoredDocument
from cfs.preview_steps import changing_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PRICE_MARK = "<!-- cfs:price -->"
"""Where the price of the change goes in the summary."""

POLICY_MARK = "<!-- cfs:policy -->"
"""Where the findings of policies go."""

_HEADINGS = {"create": "Created", "update": "Updated", "replace": "Replaced", "delete": "Deleted"}
_LISTED_CHANGES = 100
"""As many changes of one kind are listed; a job's page has room for 1 MiB."""


class ReviewedChange(StoredDocument):
    """One resource that would change.

    Attributes:
        urn: Its URN.
        operation: What the engine would do: `create`, `update`, `replace`, `delete` or one of its rarer steps.
        properties: Paths of the properties that change, where it exists already; no values.
        protected: Whether the engine refuses to delete or replace it.
        before: Sum of the inputs that the state has of it; "" where it is new. Secrets count as one and the same.
        after: Sum of the inputs that the program gives it; "" where it goes.
    """

    urn: str
    operation: str
    properties: tuple[str, ...]
    protected: bool
    before: str
    after: str

    @property
    def display_name(self) -> str:
        """Its type and name, for people."""
        _, kind, name = self.urn.rsplit("::", 2)
        return f"{kind.rpartition('$')[2]} {name}"


class Review(StoredDocument):
    """What was reviewed.

    Attributes:
        schema_version: 1.
        environment: The stack's name.
        commit: The commit that is deployed.
        program: Sum of the files that declare the infrastructure; secret settings are in them, encrypted.
        engine: The version of Pulumi.
        providers: The providers with their versions.
        settings: The stack's settings; a secret is the word `[secret]`.
        changes: What would change, by URN.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    environment: str
    commit: str
    program: str
    engine: str
    providers: tuple[str, ...]
    settings: dict[str, str]
    changes: tuple[ReviewedChange, ...]

    @property
    def review_digest(self) -> str:
        """Give 64 hexadecimal digits that stand for all of it."""
        return _canonical_digest(self.model_dump(by_alias=True))


def review_of_preview(
    preview: Mapping[str, Any], *, environment: str, commit: str, program: str, engine: str
) -> Review:
    """Take from a preview's JSON what is reviewed."""
    changes = [_parse_change(step) for step in changing_steps(preview)]
    return Review(
        environment=environment,
        commit=commit,
        program=program,
        engine=engine,
        providers=tuple(
            sorted({provider for step in preview.get("steps", []) for provider in _provider_versions(step)})
        ),
        settings=dict(sorted(preview.get("config", {}).items())),
        changes=tuple(sorted(changes, key=lambda change: (change.urn, change.operation))),
    )


def preview_errors(preview: Mapping[str, Any]) -> list[str]:
    """Give what the engine complains of in a preview, without the last word that it has failed."""
    messages = [
        " ".join(said["message"].removeprefix("error: ").split())
        for said in preview.get("diagnostics", [])
        if said.get("severity") == "error"
    ]
    return [message for message in messages if message != "preview failed"]


def review_differences(reviewed: Review, now: Review) -> list[str]:
    """Say what would be done now and was not reviewed, or the other way round."""
    said = [
        f"{field}: reviewed {getattr(reviewed, field) or 'none'}, now {getattr(now, field) or 'none'}"
        for field in ("environment", "commit", "program", "engine")
        if getattr(reviewed, field) != getattr(now, field)
    ]
    if reviewed.providers != now.providers:
        said.append(f"providers: reviewed {', '.join(reviewed.providers)}, now {', '.join(now.providers)}")
    for key in sorted(reviewed.settings.keys() | now.settings.keys()):
        before, after = reviewed.settings.get(key), now.settings.get(key)
        if before != after:
            said.append(f"setting {key}: reviewed {_value_text(before)}, now {_value_text(after)}")
    return [*said, *_change_differences(reviewed.changes, now.changes)]


def review_summary(review: Review, complaints: Sequence[str]) -> str:
    """Say in Markdown what would change."""
    counts = _counts_text(review)
    parts = [
        f"### Preview of {review.environment}: {counts or 'no changes'}",
        f"Digest `{review.review_digest}`",
        _facts_table(review),
        *([_complaints_list(complaints)] if complaints else []),
        *(_changes_table(operation, review.changes) for operation in _ordered_operations(review.changes)),
        PRICE_MARK,
        POLICY_MARK,
    ]
    return "\n\n".join(parts) + "\n"


def review_text(review: Review, complaints: Sequence[str]) -> str:
    """Say in a few lines what would change."""
    lines = [f"{review.environment}: {_counts_text(review) or 'no changes'}", f"digest {review.review_digest}"]
    lines += [
        f"  {change.operation} {change.display_name} {', '.join(change.properties)}".rstrip()
        for change in review.changes
    ]
    return "\n".join([*lines, *(f"error: {complaint}" for complaint in complaints)])


def _parse_change(step: Mapping[str, Any]) -> ReviewedChange:
    old, new = step.get("oldState") or {}, step.get("newState") or {}
    paths = [*(step.get("detailedDiff") or {}), *step.get("diffReasons", []), *step.get("replaceReasons", [])]
    return ReviewedChange(
        urn=step["urn"],
        operation=step["op"],
        properties=tuple(sorted(set(paths))),
        protected=bool(old.get("protect") or new.get("protect")),
        before=_canonical_digest(old["inputs"]) if "inputs" in old else "",
        after=_canonical_digest(_declared_inputs(new["inputs"])) if "inputs" in new else "",
    )


def _declared_inputs(inputs: Any) -> Any:
    """Leave out what the provider fills in: its version decides it, but for names that it draws anew each time."""
    if isinstance(inputs, list):
        return [_declared_inputs(value) for value in inputs]
    if not isinstance(inputs, dict):
        return inputs
    filled_in = {*inputs.get("__defaults", []), "__defaults"}
    return {key: _declared_inputs(value) for key, value in inputs.items() if key not in filled_in}


def _provider_versions(step: Mapping[str, Any]) -> Iterable[str]:
    """Name a step's provider: `…::pulumi:providers:aws::default_7_51_1::…` is version 7.51.1 of `aws`."""
    parts = step.get("provider", "").split("::")
    for kind, name in pairwise(parts):
        if kind.startswith("pulumi:providers:"):
            yield f"{kind.removeprefix('pulumi:providers:')} {name.removeprefix('default_').replace('_', '.')}"


def _canonical_digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _value_text(value: str | None) -> str:
    return "unset" if value is None else repr(value)


def _change_differences(reviewed: Sequence[ReviewedChange], now: Sequence[ReviewedChange]) -> list[str]:
    before = {(change.urn, change.operation): change for change in reviewed}
    after = {(change.urn, change.operation): change for change in now}
    said = [f"not reviewed: {after[key].operation} {after[key].display_name}" for key in after.keys() - before.keys()]
    said += [f"no longer: {before[key].operation} {before[key].display_name}" for key in before.keys() - after.keys()]
    for key in before.keys() & after.keys():
        if before[key] != after[key]:
            fields = [
                field
                for field in ReviewedChange.model_fields
                if getattr(before[key], field) != getattr(after[key], field)
            ]
            said.append(
                f"{after[key].operation} {after[key].display_name}: other {' and '.join(map(_field_words, fields))}"
            )
    return sorted(said)


def _field_words(name: str) -> str:
    words = {"before": "state to start from", "after": "values to set", "protected": "protection"}
    return words.get(name, name)


def _ordered_operations(changes: Sequence[ReviewedChange]) -> list[str]:
    """Give the operations, those that take away first."""
    order = ["replace", "delete", "update", "create"]
    there = {change.operation for change in changes}
    return [*(operation for operation in order if operation in there), *sorted(there.difference(order))]


def _counts_text(review: Review) -> str:
    return ", ".join(
        f"{sum(change.operation == operation for change in review.changes)} to {operation}"
        for operation in _ordered_operations(review.changes)
    )


def _facts_table(review: Review) -> str:
    rows = {
        "commit": review.commit or "none",
        "cluster size": review.settings.get("claudefs-infra:clusterSize", "none"),
        "Pulumi": review.engine,
        "providers": ", ".join(review.providers) or "none",
    }
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | `{value}` |" for name, value in rows.items())


def _complaints_list(complaints: Sequence[str]) -> str:
    return "**It cannot be applied:**\n\n" + "\n".join(f"- {complaint}" for complaint in complaints)


def _changes_table(operation: str, changes: Sequence[ReviewedChange]) -> str:
    of_kind = [change for change in changes if change.operation == operation]
    rows = [
        f"| `{change.display_name}`{' **protected**' if change.protected else ''} "
        f"| {', '.join(f'`{path}`' for path in change.properties)} |"
        for change in of_kind[:_LISTED_CHANGES]
    ]
    if len(of_kind) > _LISTED_CHANGES:
        rows.append(f"| … and {len(of_kind) - _LISTED_CHANGES} more | |")
    heading = _HEADINGS.get(operation, operation)
    return f"#### {heading} ({len(of_kind)})\n\n| resource | properties |\n|---|---|\n" + "\n".join(rows)
