"""Chooses the nodes of a stage, and of each batch within it, from the living nodes.

A site's storage nodes are voters of one Raft group, which serves while more than half of them are up. So stages before
the last prefer nodes whose loss leaves every site its quorum, and a batch never takes more than a site can spare, even
in the last stage.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from cfs.deploy.node_list import Node
    from cfs.deploy.stored_documents import RollOutKind

STORAGE_ROLE = "storage"
"""Value of the tag `Role` of voters."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Nodes that must be green before the next stage.

    Attributes:
        name: Name for people.
        share: Share of all nodes, earlier stages included: 0 to 1, rounded up, at least one node.
    """

    name: str
    share: float

    def node_count(self, total: int) -> int:
        """Return the number of nodes out of `total`."""
        return min(total, max(1, math.ceil(total * self.share)))


CANARY_STAGE = Stage(name="canary", share=0.0)
FULL_STAGE = Stage(name="100%", share=1.0)

STAGES_BY_KIND: dict[RollOutKind, tuple[Stage, ...]] = {
    "roll-out": (CANARY_STAGE, Stage(name="10%", share=0.1), Stage(name="50%", share=0.5), FULL_STAGE),
    # The previous version has run on all nodes: one node proves that it still starts, and then speed matters more.
    "roll-back": (CANARY_STAGE, FULL_STAGE),
}
"""The stages in order; none is ever skipped."""


def spare_voters(voters: int) -> int:
    """Return how many of a site's storage nodes can be lost without losing the quorum."""
    return max(0, (voters - 1) // 2)


def choose_stage_nodes(stage: Stage, nodes: Collection[Node], *, touched: Collection[str]) -> list[Node]:
    """Choose the nodes of a stage: the touched ones, and as many others as its share allows.

    The choice is deterministic, and a later stage contains the earlier ones.
    """
    taken = sorted((node for node in nodes if node.id in touched), key=lambda node: node.id)
    others = [node for node in nodes if node.id not in touched]
    wanted = stage.node_count(len(nodes)) - len(taken)
    return [*taken, *_order_nodes(others, taken=taken)[: max(0, wanted)]]


def choose_batch(waiting: Collection[Node], nodes: Iterable[Node], *, hurry: bool = False) -> list[Node]:
    """Choose the waiting nodes to install at once: no more of each site's storage nodes than it can spare.

    A site with one or two storage nodes can spare none; its nodes are installed one at a time. Nodes that have not
    booted count as lost. A site with lost nodes that can spare no more is skipped; `hurry` still allows one node.
    """
    voters, down = Counter[str](), Counter[str]()
    for node in nodes:
        if node.role == STORAGE_ROLE:
            voters[node.site] += 1
            down[node.site] += not node.is_ready
    least = {site: int(hurry or not down[site]) for site in voters}
    room = {site: max(least[site], spare_voters(voters[site]) - down[site]) for site in voters}
    together = []
    for node in sorted(waiting, key=lambda node: node.id):
        if node.role == STORAGE_ROLE:
            if room[node.site] == 0:
                continue
            room[node.site] -= 1
        together.append(node)
    return together


def _order_nodes(others: Sequence[Node], *, taken: Sequence[Node]) -> list[Node]:
    """Order nodes so that any prefix is spread over sites and roles and preserves each site's quorum."""
    voters = Counter(node.site for node in [*others, *taken] if node.role == STORAGE_ROLE)
    lost = Counter(node.site for node in taken if node.role == STORAGE_ROLE)
    ranked = []
    for group in _group_nodes(others):
        for number, node in enumerate(group):
            hurt = _quorum_damage(lost[node.site] + number + 1, voters[node.site]) if node.role == STORAGE_ROLE else 0
            # Each group's nodes are evenly spaced, so that groups mix in proportion to their sizes.
            ranked.append((hurt, (number + 0.5) / len(group), node.role != STORAGE_ROLE, node.site, node.role, node))
    ordered = [entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:-1])]
    if not taken and (first := _choose_canary(ordered, voters)):
        ordered.remove(first)
        ordered.insert(0, first)
    return ordered


def _group_nodes(nodes: Iterable[Node]) -> list[list[Node]]:
    groups: dict[tuple[str, str], list[Node]] = {}
    for node in sorted(nodes, key=lambda node: node.id):
        groups.setdefault((node.role, node.site), []).append(node)
    return [groups[key] for key in sorted(groups)]


def _quorum_damage(lost: int, voters: int) -> int:
    """Rank the loss of voters: 0 keeps the quorum, 1 leaves exactly half, 2 leaves less."""
    if lost <= spare_voters(voters):
        return 0
    return 1 if 2 * lost <= voters else 2


def _choose_canary(ordered: Sequence[Node], voters: Counter[str]) -> Node | None:
    """Return a storage node of the largest site, which can best spare one."""
    storage = [node for node in ordered if node.role == STORAGE_ROLE]
    return min(storage, key=lambda node: (-voters[node.site], node.site, node.id), default=None)
