"""The ladder: each step at its share, and nothing released while the day is over its budget."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.decision import AgentsMode, GuardDecision, Pause, Situation, decide_restraints
from guard.ladder import DEFAULT_LADDER, Ladder, LadderStep

NOW = datetime(2026, 11, 26, 14, tzinfo=UTC)
STOPS = Ladder(percentages=DEFAULT_LADDER.percentages, may_stop_orchestrator=True)


def situation(
    spent: float, *, ladder: Ladder = DEFAULT_LADDER, pause: Pause | None = None, budget: int = 100
) -> Situation:
    return Situation(at=NOW, spent_usd=Decimal(str(spent)), budget_usd=Decimal(budget), ladder=ladder, pause=pause)


def restraints(decision: GuardDecision) -> tuple[AgentsMode | None, bool, bool, bool]:
    return decision.agents, decision.blocks_launches, decision.stops_cluster, decision.stops_orchestrator


@pytest.mark.parametrize(
    "spent, ladder, last_step, expected",
    [
        (0, STOPS, None, (None, False, False, False)),
        (49.99, STOPS, None, (None, False, False, False)),
        (50, STOPS, LadderStep.NOTE, (None, False, False, False)),
        (80, STOPS, LadderStep.ECONOMY, (AgentsMode.ECONOMY, False, False, False)),
        (90, STOPS, LadderStep.BLOCK_LAUNCHES, (AgentsMode.ECONOMY, True, False, False)),
        (100, STOPS, LadderStep.STOP_CLUSTER, (AgentsMode.ECONOMY, True, True, False)),
        (119.99, STOPS, LadderStep.STOP_CLUSTER, (AgentsMode.ECONOMY, True, True, False)),
        (120, STOPS, LadderStep.STOP_ORCHESTRATOR, (AgentsMode.PAUSED, True, True, True)),
        (400, DEFAULT_LADDER, LadderStep.STOP_ORCHESTRATOR, (AgentsMode.PAUSED, True, True, False)),
    ],
)
def test_each_step_of_the_ladder_begins_at_its_share_of_the_budget(
    spent: float, ladder: Ladder, last_step: LadderStep | None, expected: tuple[AgentsMode | None, bool, bool, bool]
) -> None:
    decision = decide_restraints(situation(spent, ladder=ladder))
    assert (decision.steps[-1] if decision.steps else None) == last_step
    assert restraints(decision) == expected


def test_each_step_is_a_setting() -> None:
    text = '{"note": 10, "economy": 20, "blockLaunches": 30, "stopCluster": 40, "stopOrchestrator": 50}'
    assert decide_restraints(situation(41, ladder=Ladder.parse_setting(text))).steps[-1] is LadderStep.STOP_CLUSTER


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"note": 10, "economy": 5, "blockLaunches": 30, "stopCluster": 40, "stopOrchestrator": 50}'],
)
def test_a_ladder_with_missing_or_descending_steps_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an object|percentage above 0|must ascend"):
        Ladder.parse_setting(text)


@given(st.lists(st.decimals(0, 60, places=2), max_size=12))
def test_nothing_is_released_while_the_days_spend_grows(spent: list[Decimal]) -> None:
    decisions = [
        decide_restraints(situation(float(sum(spent[:number])), ladder=STOPS)) for number in range(len(spent) + 1)
    ]
    for earlier, later in itertools.pairwise(decisions):
        assert set(earlier.steps) <= set(later.steps)
        assert all(after for before, after in zip(restraints(earlier), restraints(later), strict=True) if before)


def test_a_step_is_announced_once() -> None:
    first = decide_restraints(situation(85))
    again = decide_restraints(Situation(**{**vars(situation(91)), "announced": frozenset(first.new_steps)}))
    assert (first.new_steps, again.new_steps) == ((LadderStep.NOTE, LadderStep.ECONOMY), (LadderStep.BLOCK_LAUNCHES,))


def test_a_pause_lifts_every_restraint_until_it_ends() -> None:
    pause = Pause(until=NOW + timedelta(hours=2), since=NOW, reason="release", by="ada")
    paused = decide_restraints(situation(130, pause=pause))
    assert not paused.is_restraining
    assert "paused until 2026-11-26 16:00 UTC by ada: release" in paused.reason
    over = Pause(until=NOW, since=NOW, reason="release", by="ada")
    assert decide_restraints(situation(130, pause=over)).stops_cluster


def test_a_raised_budget_releases() -> None:
    assert not decide_restraints(situation(130, budget=1000)).is_restraining


def test_the_reason_says_that_a_sum_is_assumed_and_why() -> None:
    assumed = Situation(**{**vars(situation(85)), "unmeasured": ("ec2:DescribeInstances",)})
    assert decide_restraints(assumed).reason == (
        "$85.00 of the day's $100.00 spent (85 %); assumed in part, since ec2:DescribeInstances failed"
    )
