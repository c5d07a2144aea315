"""Evaluates expressions of GitHub's workflows. Syntax that the delivered files do not use is an error.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from terminal.errors import UserError

Value: TypeAlias = "bool | float | str | list[Value] | Mapping[str, Value] | None"
"""The value of an expression."""

Functions: TypeAlias = "Mapping[str, Callable[..., Value]]"
"""Functions by name."""

STATUS_FUNCTIONS = frozenset({"always", "cancelled", "failure", "success"})
"""Status check functions. A condition without any of these implies `success()`."""

_TEMPLATE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>==|!=|&&|\|\||[!().,\[\]]))"
)
_LITERALS: Mapping[str, Value] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, kw_only=True)
class ExpressionContext:
    """The names available in expressions.

    Attributes:
        values: The contexts, for example `github` and `vars`.
        functions: The status check functions.
    """

    values: Mapping[str, Value]
    functions: Functions = field(default_factory=dict)


def expand_text(text: str, context: ExpressionContext) -> str:
    """Return a text with its expressions replaced by their values."""
    return _TEMPLATE.sub(lambda found: as_text(evaluate_expression(found[1], context)), text)


def expand_value(text: str, context: ExpressionContext) -> Value:
    """Return the value of a text that is a single expression, or else the text with its expressions replaced."""
    whole = _TEMPLATE.fullmatch(text.strip())
    return evaluate_expression(whole[1], context) if whole else expand_text(text, context)


def is_condition_met(condition: str, context: ExpressionContext) -> bool:
    """Return whether the condition of a job or step is true; an empty condition means `success()`."""
    whole = _TEMPLATE.fullmatch(condition.strip())
    source = whole[1] if whole else condition
    names = set(re.findall(r"(\w+)\s*\(", source))
    if not names & STATUS_FUNCTIONS:
        source = f"success() && ({source})" if source.strip() else "success()"
    return is_truthy(evaluate_expression(source, context))


def evaluate_expression(source: str, context: ExpressionContext) -> Value:
    """Return the value of an expression.

    Args:
        source: The expression, without `${{` and `}}`.
        context: The names available in it.
    """
    parser = _Parser(source=source, tokens=_split_tokens(source), context=context)
    value = parser.parse_or()
    if parser.tokens:
        raise parser.unknown_error()
    return value


def is_truthy(value: Value) -> bool:
    """Return whether a value is truthy."""
    return value not in (None, False, 0, "")


def as_text(value: Value) -> str:
    """Convert a value to text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def _split_tokens(source: str) -> list[str]:
    tokens, place = [], 0
    while source[place:].strip():
        found = _TOKEN.match(source, place)
        if found is None:
            raise _unknown_error(source, source[place:].strip())
        tokens.append(found[0].strip())
        place = found.end()
    return tokens


def _unknown_error(source: str, what: str) -> UserError:
    return UserError(
        f"The expression {source.strip()!r} has {what!r}, which the rehearsal does not evaluate.",
        repair="rewrite the expression, or extend measure/rehearsal/expressions.py",
    )


def _are_equal(left: Value, right: Value) -> bool:
    """Compare as GitHub does: strings ignoring case; different types as numbers, with null and '' as 0."""
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if type(left) is type(right):
        return left == right
    return _as_number(left) == _as_number(right)


def _as_number(value: Value) -> float:
    try:
        return float(value or 0) if value is None or isinstance(value, bool | int | float | str) else math.nan
    except ValueError:
        return math.nan


def _from_json(text: Value) -> Value:
    decoded: Value = json.loads(as_text(text))
    return decoded


def _contains_item(searched: Value, item: Value) -> bool:
    if isinstance(searched, list):
        return any(_are_equal(entry, item) for entry in searched)
    return as_text(item).casefold() in as_text(searched).casefold()


_FUNCTIONS: Functions = {"contains": _contains_item, "fromJSON": _from_json}


@dataclass(kw_only=True)
class _Parser:
    """A parser that evaluates while parsing.

    It evaluates both sides of `&&` and `||`, as expressions have no side effects.
    """

    source: str
    tokens: list[str]
    context: ExpressionContext

    def unknown_error(self) -> UserError:
        return _unknown_error(self.source, self.tokens[0] if self.tokens else "the end")

    def take_token(self, *wanted: str) -> str | None:
        """Consume and return the next token if it is one of those wanted."""
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def expect_token(self, token: str) -> None:
        if self.take_token(token) is None:
            raise self.unknown_error()

    def parse_or(self) -> Value:
        value = self.parse_and()
        while self.take_token("||"):
            other = self.parse_and()
            value = value if is_truthy(value) else other
        return value

    def parse_and(self) -> Value:
        value = self.parse_equality()
        while self.take_token("&&"):
            other = self.parse_equality()
            value = other if is_truthy(value) else value
        return value

    def parse_equality(self) -> Value:
        value = self.parse_unary()
        while sign := self.take_token("==", "!="):
            value = _are_equal(value, self.parse_unary()) is (sign == "==")
        return value

    def parse_unary(self) -> Value:
        return not is_truthy(self.parse_unary()) if self.take_token("!") else self.parse_property()

    def parse_property(self) -> Value:
        value = self.parse_primary()
        while self.take_token("."):
            name = self.tokens.pop(0) if self.tokens else ""
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def parse_primary(self) -> Value:
        if self.take_token("("):
            value = self.parse_or()
            self.expect_token(")")
            return value
        if not self.tokens or self.tokens[0] in {")", ",", ".", "[", "]"}:
            raise self.unknown_error()
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token[0].isdigit():
            return float(token)
        if self.take_token("("):
            return self.call_function(token)
        if token in _LITERALS:
            return _LITERALS[token]
        if token not in self.context.values:
            raise _unknown_error(self.source, token)
        return self.context.values[token]

    def call_function(self, name: str) -> Value:
        arguments: list[Value] = []
        while not self.take_token(")"):
            arguments.append(self.parse_or())
            if not self.take_token(","):
                self.expect_token(")")
                break
        function = _FUNCTIONS.get(name) or self.context.functions.get(name)
        if function is None:
            raise _unknown_error(self.source, f"{name}()")
        return function(*arguments)
