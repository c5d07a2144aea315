"""What a rehearsal reports where a step fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from measure.rehearsal.rehearsal import Rehearsal, RehearsalEndedError, find_problems, parse_without, rehearsal_report
from terminal.errors import UserError

if TYPE_CHECKING:
    from measure.rehearsal.rehearsed_account import RehearsedAccount


def test_an_administrators_step_that_fails_is_named_with_its_problem_and_ends_the_rehearsal() -> None:
    rehearsal = Rehearsal(rehearsed=cast("RehearsedAccount", None))

    def fail() -> None:
        raise UserError("The runbook was refused.", repair="grant it")

    rehearsal.run_by_administrator("start the cluster", lambda: None)
    with pytest.raises(RehearsalEndedError):
        rehearsal.run_by_administrator("interrupt nodes", fail)

    assert [step.title for step in find_problems(rehearsal)] == ["interrupt nodes"]
    report = rehearsal_report(rehearsal)
    assert report.exit_code == 1
    assert "interrupt nodes: The runbook was refused." in report.notes[0]


@pytest.mark.parametrize("text", ["claudefs-prod-deploy", "s3:GetObject", "claudefs-prod-deploy=GetObject"])
def test_a_right_to_take_needs_a_role_and_an_action(text: str) -> None:
    with pytest.raises(UserError, match="a role and one of its actions"):
        parse_without(text)
