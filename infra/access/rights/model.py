"""Rights as values, and their conversion into the statements of a policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from infra.access.statements import Condition, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AccessLevel = Literal["read", "write"]
"""`read`: called by a preview with refresh. `write`: called only by a deployment."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """Actions that are allowed together.

    Attributes:
        access: Whether previews or only deployments need the right.
        actions: Full names of the actions.
        resources: ARNs or ARN patterns of the resources.
        conditions: Conditions that a request must meet.
        creates: EC2 resource types that the actions create. They have no tags yet, so the conditions test the request.
        uses: Other EC2 resource types that the actions use, which the same statement must not allow.
        tagged: Whether only the resources' tags limit the right. Such rights may be merged even if their resources
            differ, because each action is still allowed only on the environment's resources.
        uncalled: Actions that no recorded run calls, with the reason why each is allowed.
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
        """Refuse a reason for an action that the right does not have."""
        if strangers := self.uncalled.keys() - set(self.actions):
            raise ValueError(f"a reason for {', '.join(sorted(strangers))}, which the right does not have")

    @classmethod
    def of(cls, grant: Statement, access: AccessLevel, *, uncalled: str = "") -> Right:
        """Return a grant as a right; `uncalled` is the reason for its actions if no recorded run calls them."""
        return cls(
            access=access,
            actions=grant.actions,
            resources=grant.resources,
            conditions=grant.conditions,
            uncalled=dict.fromkeys(grant.actions, uncalled) if uncalled else {},
        )


def policy_statements(name: str, rights: Iterable[Right]) -> tuple[Statement, ...]:
    """Return a policy's statements; rights with the same conditions are merged if this grants nothing more.

    Rights are merged if their resources are equal or limited by tags. Rights to create are merged unless one uses a
    type that the other creates: a statement allows all of its actions on all of its resources.

    Args:
        name: Prefix of the statements' Sids.
        rights: The rights.
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
