"""A resource as the engine reports it, and the rules about resources."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

UNKNOWN = object()
"""A property whose value is only known during `up`. Rules accept it, and check its value then."""

Enforcement = Literal["mandatory", "advisory"]
"""Whether a violation stops the run (`mandatory`) or is only reported (`advisory`)."""


@dataclass(frozen=True, kw_only=True)
class CheckedResource:
    """A resource of the stack.

    Attributes:
        type: Type token, such as `aws:s3/bucket:Bucket`.
        name: Name in the program.
        properties: Inputs in camel case; for a stack rule, outputs.
        urn: URN.
        protected: Whether the engine refuses to delete or replace it.
        ignores_tags: Whether the stack leaves its tags as they are, as those of an adopted bucket.
        bucket_urns: URNs of the resources that its property `bucket` comes from.
        region: AWS region of its provider; "" if unknown.
    """

    type: str
    name: str
    properties: Mapping[str, Any]
    urn: str = ""
    protected: bool = False
    ignores_tags: bool = False
    bucket_urns: frozenset[str] = frozenset()
    region: str = ""

    @property
    def tag_values(self) -> Mapping[str, Any] | None:
        """The tags by key, or None if they are unknown."""
        tags = self.properties.get("tags") or {}
        if tags is UNKNOWN:
            return None
        if isinstance(tags, list):
            return {tag["key"]: tag["value"] for tag in tags}
        return {**tags}

    def known_blocks(self, key: str) -> list[Mapping[str, Any]]:
        """Return the known blocks of a property that holds one block or a list."""
        value = self.properties.get(key)
        blocks = value if isinstance(value, list) else [value]
        return [block for block in blocks if isinstance(block, dict)]

    def policy_statements(self, key: str) -> list[Mapping[str, Any]]:
        """Return the statements of a property that holds a known IAM policy document."""
        document = self.properties.get(key)
        if not isinstance(document, str):
            return []
        statements = json.loads(document)["Statement"]
        return statements if isinstance(statements, list) else [statements]


def is_off(value: object) -> bool:
    """Return whether a property is neither true nor unknown; launch templates have the texts `true` and `false`."""
    return value is not UNKNOWN and str(value).lower() != "true"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A violation of a rule.

    Attributes:
        resource: The resource, or None for the whole stack.
        problem: A sentence about it.
    """

    resource: CheckedResource | None
    problem: str


@dataclass(frozen=True, kw_only=True)
class PolicyRule:
    """What all rules have.

    Attributes:
        name: Name in kebab case, used by exemptions.
        summary: What has to be so.
        repair: How to repair a violation.
        enforcement: Whether a violation stops the run.
        reason: Why that enforcement.
    """

    name: str
    summary: str
    repair: str
    enforcement: Enforcement
    reason: str


@dataclass(frozen=True, kw_only=True)
class ResourceRule(PolicyRule):
    """A rule about a single resource, checked before the resource is created or changed.

    Attributes:
        find_problems: Yields a sentence for each violation of a resource.
    """

    find_problems: Callable[[CheckedResource], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class StackRule(PolicyRule):
    """A rule about several resources, checked at the end of a preview or `up`.

    Attributes:
        find_violations: Yields the violations in a stack.
    """

    find_violations: Callable[[Sequence[CheckedResource]], Iterator[Violation]]
