"""Evaluates conditions, patterns and variables of IAM policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WILDCARDS = {"*": ".*", "?": "."}
_VARIABLE_OR_WILDCARD = re.compile(r"\$\{([^}]*)\}|[*?]")
_ARN_COLONS = 5
"""Number of separators in an ARN, which has six parts; only the last part may contain colons."""


class UnsupportedPolicyError(ValueError):
    """A policy uses a feature that this package does not support; the message names it."""


class RequestContext:
    """The condition keys of a request with their values. Keys are not case-sensitive."""

    def __init__(self, values: Mapping[str, str | Sequence[str]]) -> None:
        """Create a context; a key without values is absent."""
        self._values = {key.lower(): (of,) if isinstance(of, str) else tuple(of) for key, of in values.items()}

    def key_values(self, key: str) -> tuple[str, ...]:
        """Return the values of a key; empty if the request lacks the key."""
        return self._values.get(key.lower(), ())

    def with_values(self, values: Mapping[str, str | Sequence[str]]) -> RequestContext:
        """Return the context with additional keys."""
        extended = RequestContext(values)
        extended._values = {**self._values, **extended._values}
        return extended


NO_CONTEXT = RequestContext({})


def list_texts(value: Any) -> tuple[str, ...]:
    """Return a policy's single value or list as strings; IAM treats JSON booleans as strings."""
    values = value if isinstance(value, list) else [value]
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)


def matches_pattern(
    pattern: str, text: str, context: RequestContext = NO_CONTEXT, *, ignore_case: bool = False
) -> bool:
    """Return whether a string matches a pattern with `*`, `?` and policy variables."""
    return _matches_value(pattern, text, context, wildcards=True, ignore_case=ignore_case)


def conditions_hold(block: Mapping[str, Mapping[str, Any]], context: RequestContext) -> bool:
    """Return whether a request meets all conditions of a statement.

    Raises:
        UnsupportedPolicyError: An operator is unknown.
    """
    return all(
        _condition_holds(operator, key, list_texts(wanted), context)
        for operator, tests in block.items()
        for key, wanted in tests.items()
    )


def _condition_holds(operator: str, key: str, wanted: tuple[str, ...], context: RequestContext) -> bool:
    values = context.key_values(key)
    if operator == "Null":
        return (not values) is (wanted == ("true",))
    quantifier, _, name = operator.rpartition(":")
    comparison = name.removesuffix("IfExists")
    if comparison.replace("Not", "") not in _COMPARISONS or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnsupportedPolicyError(f"condition operator {operator}")
    compare, negated = _COMPARISONS[comparison.replace("Not", "")], "Not" in comparison
    results = [any(compare(one, value, context) for one in wanted) is not negated for value in values]
    if not values and name != comparison:
        return True
    if quantifier == "ForAllValues":
        return all(results)
    if quantifier == "ForAnyValue":
        return any(results)
    # An absent key equals nothing.
    return all(results) if negated else any(results)


def _matches_value(
    pattern: str, text: str, context: RequestContext, *, wildcards: bool, ignore_case: bool = False
) -> bool:
    if "${" not in pattern:
        return _compile_constant(pattern, wildcards=wildcards, ignore_case=ignore_case).fullmatch(text) is not None
    expression = _write_expression(pattern, context, wildcards=wildcards)
    return expression is not None and re.fullmatch(expression, text, _flags(ignore_case=ignore_case)) is not None


@cache
def _compile_constant(pattern: str, *, wildcards: bool, ignore_case: bool) -> re.Pattern[str]:
    """Compile a pattern without variables; policies have few of them, and each is compared with every request."""
    return re.compile(
        _write_expression(pattern, NO_CONTEXT, wildcards=wildcards) or "", _flags(ignore_case=ignore_case)
    )


def _flags(*, ignore_case: bool) -> re.RegexFlag:
    return re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG)


def _write_expression(pattern: str, context: RequestContext, *, wildcards: bool) -> str | None:
    """Return the regular expression of a pattern, or None if the request lacks the value of a variable."""
    expression, end = "", 0
    for found in _VARIABLE_OR_WILDCARD.finditer(pattern):
        expression += re.escape(pattern[end : found.start()])
        end = found.end()
        if found[1] is None:
            expression += _WILDCARDS[found[0]] if wildcards else re.escape(found[0])
            continue
        value = _variable_value(found[1], context)
        if value is None:
            return None
        expression += re.escape(value)
    return expression + re.escape(pattern[end:])


def _variable_value(variable: str, context: RequestContext) -> str | None:
    """Return the value of a variable or its default, or None."""
    if variable in ("*", "?", "$"):
        return variable
    name, comma, default = variable.partition(",")
    values = context.key_values(name.strip())
    if len(values) == 1:
        return values[0]
    return default.strip().strip("'") if comma else None


def _equals_text(wanted: str, value: str, context: RequestContext) -> bool:
    return _matches_value(wanted, value, context, wildcards=False)


def _equal_ignoring_case(wanted: str, value: str, context: RequestContext) -> bool:
    return _matches_value(wanted, value, context, wildcards=False, ignore_case=True)


def _arn_like(wanted: str, value: str, context: RequestContext) -> bool:
    parts, of_value = wanted.split(":", _ARN_COLONS), value.split(":", _ARN_COLONS)
    return len(parts) == len(of_value) and all(
        matches_pattern(part, of, context) for part, of in zip(parts, of_value, strict=True)
    )


_COMPARISONS: Mapping[str, Callable[[str, str, RequestContext], bool]] = {
    "StringEquals": _equals_text,
    "StringEqualsIgnoreCase": _equal_ignoring_case,
    "StringLike": matches_pattern,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": _equal_ignoring_case,
}
"""Comparisons by operator. A negated operator (`Not` in its name) holds if no wanted value matches."""
