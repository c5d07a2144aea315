"""Rights as values: rows of the tables, and how rows become the statements of a policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from infra.access.statements import Condition, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AccessLevel = Literal["read", "write"]
"""`read` is what a preview with refresh calls, `write` what a deployment calls beside it."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """Actions that are allowed together.

    Attributes:
        access: Whom they are for.
        actions: The actions, each in full.
        resources: What they may touch.
        conditions: Tests that a request must pass.
        creates: EC2's resource types that they create, which have no tags yet; their conditions ask for tags.
        uses: EC2's resource types that they use beside, which must not be let in by the same statement.
        tagged: Whether the tags that the resources bear are what limits it. Such rights may become one, whatever their
            resources: each of the actions is allowed on nothing but the environment's own.
        uncalled: Actions that no recorded run calls, each with the reason that it is there.
    """

    access: AccessLevel
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    creates: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    tagged: bool = False
    uncalled: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a reason for an action that is not there."""
        if strangers := self.uncalled.keys() - set(self.actions):
            raise ValueError(f"a reason for {', '.join(sorted(strangers))}, which the right does not have")

    @classmethod
    def of(cls, grant: Statement, access: AccessLevel, *, uncalled: str = "") -> Right:
        """Return a grant as a right, with the reason that no recorded run calls its actions, if none does."""
        return cls(
            access=access,
            actions=grant.actions,
            resources=grant.resources,
            conditions=grant.conditions,
            uncalled=dict.fromkeys(grant.actions, uncalled) if uncalled else {},
        )


def policy_statements(name: str, rights: Iterable[Right]) -> tuple[Statement, ...]:
    """Make a policy's statements: rights on the same resources under the same conditions become one.

    Rights to create become one where that opens nothing: a statement allows all its actions on all its resources, so
    that what one creates, another must not use.

    Args:
        name: How the statements' Sids begin.
        rights: The rows.
    """
    merged: list[Right] = []
    for right in rights:
        place = next((index for index, other in enumerate(merged) if _can_merge(other, right)), None)
        if place is None:
            merged.append(right)
        else:
            merged[place] = _merge_rights(merged[place], right)
    return tuple(
        Statement(
            sid=f"{name}{number}",
            actions=tuple(sorted(right.actions)),
            resources=tuple(sorted(right.resources)),
            conditions=right.conditions,
        )
        for number, right in enumerate(merged, start=1)
    )


def _can_merge(one: Right, other: Right) -> bool:
    if one.conditions != other.conditions:
        return False
    if one.creates and other.creates:
        return not (one.creates & other.uses or other.creates & one.uses)
    if one.creates or other.creates:
        return False
    return (one.tagged and other.tagged) or set(one.resources) == set(other.resources)


def _merge_rights(one: Right, other: Right) -> Right:
    return Right(
        access=one.access,
        actions=tuple({*one.actions, *other.actions}),
        resources=tuple({*one.resources, *other.resources}),
        conditions=one.conditions,
        creates=one.creates | other.creates,
        uses=one.uses | other.uses,
        tagged=one.tagged,
        uncalled={**one.uncalled, **other.uncalled},
    )
