"""The expressions of workflow files, by GitHub's own rules and examples."""

from __future__ import annotations

import pytest

from measure.rehearsal.expressions import (
    ExpressionContext,
    Value,
    evaluate_expression,
    expand_text,
    expand_value,
    is_condition_met,
)
from terminal.errors import UserError


def context(*, succeeded: bool = True, cancelled: bool = False) -> ExpressionContext:
    return ExpressionContext(
        values={
            "vars": {"NAME": "main", "LIST": '["a", "b"]', "EMPTY": ""},
            "steps": {"roll-out": {"outcome": "failure", "outputs": {"n": "1"}}},
            "github": {"event": {"pull_request": {"fork": True}}},
        },
        functions={
            "always": lambda: True,
            "cancelled": lambda: cancelled,
            "failure": lambda: not succeeded,
            "success": lambda: succeeded,
        },
    )


@pytest.mark.parametrize(
    "expression, value",
    [
        ("vars.NAME", "main"),
        ("vars.ABSENT", None),
        ("vars.ABSENT.more", None),
        ("vars.NAME == 'MAIN'", True),
        ("vars.NAME != 'other'", True),
        ("'it''s'", "it's"),
        ("steps.roll-out.outputs.n == '1'", True),
        ("vars.EMPTY || 'default'", "default"),
        ("vars.NAME && 'yes' || 'no'", "yes"),
        ("!vars.EMPTY", True),
        ("!(true && false) == true", True),
        ("fromJSON(vars.LIST)", ["a", "b"]),
        ("fromJSON(vars.ABSENT || '[]')", []),
        ("contains(fromJSON(vars.LIST), 'B')", True),
        ("contains(vars.NAME, 'ai')", True),
        ("contains(vars.NAME, 'x')", False),
        ("github.event.pull_request.fork", True),
        ("2 == 2.0", True),
        ("vars.ABSENT != ''", False),
        ("vars.ABSENT == 'x'", False),
        ("true == 1", True),
    ],
)
def test_an_expression_has_githubs_value(expression: str, value: Value) -> None:
    assert evaluate_expression(expression, context()) == value


@pytest.mark.parametrize(
    "condition, succeeded, cancelled, met",
    [
        ("", True, False, True),
        ("", False, False, False),
        ("vars.NAME == 'main'", False, False, False),
        ("${{ always() && steps.roll-out.outcome != 'success' }}", False, False, True),
        ("${{ !cancelled() && vars.NAME == 'main' }}", False, False, True),
        ("${{ !cancelled() && vars.NAME == 'main' }}", True, True, False),
        ("vars.EMPTY", True, False, False),
    ],
)
def test_a_condition_without_a_status_function_needs_success(
    condition: str, *, succeeded: bool, cancelled: bool, met: bool
) -> None:
    assert is_condition_met(condition, context(succeeded=succeeded, cancelled=cancelled)) is met


def test_texts_are_expanded_and_a_single_expression_keeps_its_type() -> None:
    assert expand_text("s3://${{ vars.NAME }}?a=${{ vars.ABSENT }}&b=${{ true }}", context()) == "s3://main?a=&b=true"
    assert expand_value("${{ fromJSON(vars.LIST) }}", context()) == ["a", "b"]


@pytest.mark.parametrize("expression", ["hashFiles('x')", "secrets.X", "vars.NAME + 1", "vars['NAME']", "(true", ""])
def test_what_is_not_evaluated_is_refused(expression: str) -> None:
    with pytest.raises(UserError, match="does not evaluate"):
        evaluate_expression(expression, context())
