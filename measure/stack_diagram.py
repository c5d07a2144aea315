"""A diagram of the stack's components, in Mermaid, made from a deployed state: GitHub draws it in Markdown.

An arrow points from a component to one whose resources it uses. Arrows that follow from others are left out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from cfs.previews.changes import urn_name, urn_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPONENT_TYPE = "claudefs:infra:"
_KINDS_SHOWN = 3


def draw_components(resources: Sequence[Mapping[str, Any]]) -> str:
    """Return the diagram of a stack's resources."""
    parents = {of["urn"]: of.get("parent", "") for of in resources}
    owners = {urn: owner for urn in parents if (owner := _top_component(urn, parents))}
    lines = [
        f'    {name}["{_component_label(name, urn, resources, owners)}"]' for urn, name in _sort_components(owners)
    ]
    arrows = sorted(_without_implied(_find_uses(resources, owners)))
    return "\n".join(["flowchart LR", *lines, *(f"    {source} --> {target}" for source, target in arrows)]) + "\n"


def _top_component(urn: str, parents: Mapping[str, str]) -> str:
    """Return the outermost component that contains a resource, or ""."""
    found = ""
    while urn in parents:
        if urn_type(urn).startswith(COMPONENT_TYPE):
            found = urn
        urn = parents[urn]
    return found


def _sort_components(owners: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(((urn, urn_name(urn)) for urn in set(owners.values())), key=lambda pair: pair[1])


def _component_label(name: str, urn: str, resources: Sequence[Mapping[str, Any]], owners: Mapping[str, str]) -> str:
    kinds = Counter(
        urn_type(of["urn"]).rpartition(":")[2] for of in resources if of.get("custom") and owners.get(of["urn"]) == urn
    )
    shown = sorted(kind for kind, _ in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))[:_KINDS_SHOWN])
    # Without counts, which depend on the day: schedules leave out holidays that have passed.
    rest = ["…"] if len(kinds) > _KINDS_SHOWN else []
    return f"<b>{name}</b><br/>{'<br/>'.join([*shown, *rest])}"


def _find_uses(resources: Sequence[Mapping[str, Any]], owners: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return the names of components that use one another's resources."""
    found = set()
    for resource in resources:
        source = owners.get(resource["urn"], "")
        for target in (owners.get(urn, "") for urn in resource.get("dependencies") or ()):
            if source and target and source != target:
                found.add((urn_name(source), urn_name(target)))
    return found


def _without_implied(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the arrows without those that a longer way replaces."""
    targets: dict[str, set[str]] = {}
    for source, target in arrows:
        targets.setdefault(source, set()).add(target)

    def leads_to(start: str, end: str, seen: frozenset[str]) -> bool:
        ways = targets.get(start, set()) - seen
        return end in ways or any(leads_to(way, end, seen | {start}) for way in ways)

    return {
        (source, target)
        for source, target in arrows
        if not any(leads_to(way, target, frozenset({source})) for way in targets[source] - {target})
    }
