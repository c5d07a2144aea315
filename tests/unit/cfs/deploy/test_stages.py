"""Choice of a stage's nodes: spread over sites and roles, growing, and preserving each site's quorum if possible."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfs.deploy.node_list import Node
from cfs.deploy.stages import (
    CANARY_STAGE,
    FULL_STAGE,
    STAGES_BY_KIND,
    STORAGE_ROLE,
    choose_batch,
    choose_stage_nodes,
    spare_voters,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cfs.deploy.stages import Stage

ROLL_OUT = STAGES_BY_KIND["roll-out"]


def group(role: str, site: str, count: int, *, ready: bool = True) -> list[Node]:
    word = "up" if ready else "down"
    return [Node(id=f"i-{role}-{site}-{word}-{n:03}", role=role, site=site, is_ready=ready) for n in range(count)]


DEFAULT = [*group("storage", "A", 3), *group("storage", "B", 2), *group("client", "", 2), *group("conduit", "", 1)]

CLUSTERS = st.builds(
    lambda a, b, clients, conduit: [
        *group("storage", "A", a),
        *group("storage", "B", b),
        *group("client", "", clients),
        *group("conduit", "", conduit),
    ],
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 40),
    st.integers(0, 1),
).filter(bool)


def lost(taken: Iterable[Node]) -> Counter[str]:
    return Counter(node.site for node in taken if node.role == STORAGE_ROLE)


def roles(taken: Collection[Node]) -> list[tuple[str, str]]:
    return sorted((node.role, node.site) for node in taken)


def test_the_stages_are_a_canary_then_10_then_50_then_100_percent() -> None:
    assert [(stage.name, stage.share) for stage in ROLL_OUT] == [
        ("canary", 0.0),
        ("10%", 0.1),
        ("50%", 0.5),
        ("100%", 1.0),
    ]
    assert [stage.name for stage in STAGES_BY_KIND["roll-back"]] == ["canary", "100%"]


@pytest.mark.parametrize(
    "total,sizes",
    [
        (1, [1, 1, 1, 1]),
        (2, [1, 1, 1, 2]),
        (3, [1, 1, 2, 3]),
        (9, [1, 1, 5, 9]),
        (11, [1, 2, 6, 11]),
        (500, [1, 50, 250, 500]),
    ],
)
def test_a_stage_rounds_up_to_whole_nodes(total: int, sizes: list[int]) -> None:
    assert [stage.node_count(total) for stage in ROLL_OUT] == sizes


@pytest.mark.parametrize("voters,spared", [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 3)])
def test_a_site_spares_as_many_voters_as_leave_more_than_half(voters: int, spared: int) -> None:
    assert spare_voters(voters) == spared


def test_half_of_the_default_cluster_preserves_both_sites_quorum() -> None:
    assert roles(choose_stage_nodes(CANARY_STAGE, DEFAULT, touched=())) == [("storage", "A")]
    half = choose_stage_nodes(ROLL_OUT[2], DEFAULT, touched=())
    assert roles(half) == [("client", ""), ("client", ""), ("conduit", ""), ("storage", "A")]


def test_large_groups_are_taken_in_proportion() -> None:
    nodes = [*group("storage", "A", 40), *group("storage", "B", 20), *group("client", "", 40)]
    assert Counter(roles(choose_stage_nodes(ROLL_OUT[1], nodes, touched=()))) == {
        ("storage", "A"): 4,
        ("storage", "B"): 2,
        ("client", ""): 4,
    }


def test_a_cluster_without_clients_exceeds_one_sites_spare_nodes_by_only_one() -> None:
    nodes = [*group("storage", "A", 5), *group("storage", "B", 5)]
    assert sorted(lost(choose_stage_nodes(ROLL_OUT[2], nodes, touched=())).values()) == [2, 3]


@given(CLUSTERS)
def test_the_canary_is_a_storage_node_of_the_largest_site(nodes: list[Node]) -> None:
    (canary,) = choose_stage_nodes(CANARY_STAGE, nodes, touched=())
    voters = lost(nodes)
    if voters:
        assert canary.role == STORAGE_ROLE
        assert voters[canary.site] == max(voters.values())


@given(CLUSTERS)
def test_each_stage_contains_the_previous_one_and_the_last_contains_all_nodes(nodes: list[Node]) -> None:
    touched: set[str] = set()
    for stage in ROLL_OUT:
        taken = {node.id for node in choose_stage_nodes(stage, nodes, touched=touched)}
        assert taken >= touched
        assert len(taken) == max(len(touched), stage.node_count(len(nodes)))
        touched = taken
    assert touched == {node.id for node in nodes}


@given(CLUSTERS, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_the_list(nodes: list[Node], chance: object) -> None:
    shuffled = list(nodes)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    for stage in ROLL_OUT:
        assert choose_stage_nodes(stage, nodes, touched=()) == choose_stage_nodes(stage, shuffled, touched=())


@given(CLUSTERS, st.sampled_from(ROLL_OUT[1:-1]))
def test_no_site_loses_its_quorum_before_the_last_stage_unless_it_must(nodes: list[Node], stage: Stage) -> None:
    taken = choose_stage_nodes(stage, nodes, touched=())
    (canary,) = choose_stage_nodes(CANARY_STAGE, nodes, touched=())
    voters, hurt = lost(nodes), lost(taken)
    # If no site can spare a node, the canary costs one site its quorum.
    spared = {
        site: max(spare_voters(voters[site]), int(site == canary.site and canary.role == STORAGE_ROLE))
        for site in voters
    }
    if any(hurt[site] > spared[site] for site in voters):
        assert sum(node.role != STORAGE_ROLE for node in taken) == sum(node.role != STORAGE_ROLE for node in nodes)
        assert all(hurt[site] >= spare_voters(voters[site]) for site in voters)


@given(CLUSTERS, st.sampled_from(ROLL_OUT[1:-1]))
def test_no_site_loses_more_than_half_while_another_can_lose_half(nodes: list[Node], stage: Stage) -> None:
    voters, hurt = lost(nodes), lost(choose_stage_nodes(stage, nodes, touched=()))
    if any(hurt[site] > max(1, voters[site] // 2) for site in voters):
        assert all(hurt[site] >= voters[site] // 2 for site in voters)


@given(CLUSTERS, st.data())
def test_nodes_that_have_the_release_stay_in_the_stage(nodes: list[Node], data: st.DataObject) -> None:
    touched = data.draw(st.sets(st.sampled_from([node.id for node in nodes])))
    stage = data.draw(st.sampled_from(ROLL_OUT))
    taken = choose_stage_nodes(stage, nodes, touched=touched)
    assert {node.id for node in taken} >= touched
    assert len(taken) == max(len(touched), stage.node_count(len(nodes)))


@given(CLUSTERS)
def test_batches_preserve_every_sites_quorum_and_reach_all_nodes(nodes: list[Node]) -> None:
    waiting, voters, rounds = list(nodes), lost(nodes), 0
    while waiting:
        together = choose_batch(waiting, nodes)
        assert together
        assert all(count <= max(1, spare_voters(voters[site])) for site, count in lost(together).items())
        waiting = [node for node in waiting if node not in together]
        rounds += 1
    assert rounds <= 9


def test_nodes_without_a_vote_are_installed_at_once() -> None:
    nodes = [*group("client", "", 100), *group("storage", "A", 3)]
    assert len(choose_batch(nodes, nodes)) == 101


def test_a_site_with_a_booting_node_is_skipped_while_an_installation_would_cost_its_quorum() -> None:
    up, down = group("storage", "A", 2), group("storage", "A", 1, ready=False)
    assert choose_batch(up, [*up, *down]) == []
    assert choose_batch(up, [*up, *down], hurry=True) == up[:1]
    more = group("storage", "A", 4)
    assert choose_batch(more, [*more, *down]) == more[:1]


def test_a_booting_node_delays_only_its_own_site() -> None:
    up, down, other = group("storage", "A", 2), group("storage", "A", 1, ready=False), group("storage", "B", 3)
    assert choose_batch([*up, *other], [*up, *down, *other]) == other[:1]


def test_a_stage_whose_nodes_are_all_gone_takes_others() -> None:
    nodes = group("client", "", 4)
    assert choose_stage_nodes(FULL_STAGE, nodes, touched={"i-gone"}) == nodes
    assert choose_stage_nodes(CANARY_STAGE, nodes, touched={"i-gone"}) == nodes[:1]
