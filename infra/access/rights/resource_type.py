"""Rows of the tables: the actions that a resource type needs, and their conversion into rights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.access.rights.model import Right
from infra.access.statements import EVERYTHING, existing_tag_conditions, region_condition, requested_tag_conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.access.job_scope import JobScope

TAGGING_REASON = "tags of new resources, and changed tags"
"""Reason for uncalled tagging actions: some services accept tags on creation."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A service's resource type; several Pulumi types may share one.

    Attributes:
        type_tokens: Type tokens in Pulumi.
        arns: Returns the resources' ARNs or ARN patterns; None for EC2, where tags limit the rights.
        ec2_type: EC2's name of the type in ARNs; "" for other services.
        lists: Read actions without resource-level permissions.
        reads: Read actions on a resource.
        creates: EC2 actions that create resources, with the other types that each uses.
        writes: Actions that change or delete a resource; for services other than EC2, also actions that create one.
        touches: Other EC2 types that the write actions apply to.
        uncalled: Actions that no recorded run calls, with the reason why each is allowed; tagging actions need none.
    """

    type_tokens: tuple[str, ...]
    arns: Callable[[JobScope], tuple[str, ...]] | None = None
    ec2_type: str = ""
    lists: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    creates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    uncalled: Mapping[str, str] = field(default_factory=dict)

    def rights(self, scope: JobScope) -> Iterator[Right]:
        """Return the rights on the type's resources."""
        region, arns = (region_condition(scope),), self._resource_arns(scope)
        by_tags = existing_tag_conditions(scope) if self.ec2_type else ()
        if self.lists:
            yield Right(
                access="read",
                actions=self.lists,
                resources=(EVERYTHING,),
                conditions=region,
                uncalled=self._uncalled_reasons(self.lists),
            )
        if self.reads:
            yield Right(
                access="read",
                actions=self.reads,
                resources=arns,
                conditions=region if self.ec2_type else (),
                uncalled=self._uncalled_reasons(self.reads),
            )
        for action, used in self.creates.items():
            yield Right(
                access="write",
                actions=(action,),
                resources=arns,
                conditions=(*requested_tag_conditions(scope), *region),
                creates=frozenset({self.ec2_type}),
                uses=frozenset(used),
            )
            if used:
                patterns = scope.ec2_arn_patterns(*used)
                yield Right(access="write", actions=(action,), resources=patterns, conditions=by_tags, tagged=True)
        if self.writes:
            yield Right(
                access="write",
                actions=self.writes,
                resources=(*arns, *scope.ec2_arn_patterns(*self.touches)),
                conditions=by_tags,
                tagged=bool(self.ec2_type),
                uncalled=self._uncalled_reasons(self.writes)
                | {action: TAGGING_REASON for action in self.writes if "tag" in action.lower()},
            )

    def _resource_arns(self, scope: JobScope) -> tuple[str, ...]:
        return self.arns(scope) if self.arns else scope.ec2_arn_patterns(self.ec2_type)

    def _uncalled_reasons(self, actions: Sequence[str]) -> dict[str, str]:
        return {action: reason for action, reason in self.uncalled.items() if action in actions}


def table_rights(table: Sequence[ResourceType], scope: JobScope) -> Iterator[Right]:
    """Return the rights on the resource types of a table."""
    for kind in table:
        yield from kind.rights(scope)
