"""The setting for the agents' token use, an assumption that the cost estimate prices; it declares no resources."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 — pydantic reads the annotations when the program runs
from dataclasses import dataclass
from decimal import Decimal

AGENT_TOKEN_KINDS = ("input", "output", "cache-read", "cache-write", "batch-input", "batch-output")
"""Kinds of tokens that Bedrock charges for: https://aws.amazon.com/bedrock/pricing/"""

_MODEL = re.compile(r"([a-z]+\.)?anthropic\.claude-[a-z0-9.:-]+")
_MILLIONS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_REQUIREMENT = (
    "must be a model with its millions of tokens per day, such as us.anthropic.claude-haiku-4-5-20251001-v1:0,"
    f"input=1.05,output=3.95; the kinds are {', '.join(AGENT_TOKEN_KINDS)}"
)


@dataclass(frozen=True, kw_only=True)
class AgentTokens:
    """The agents' daily token use of one model.

    Attributes:
        model: ID of a Bedrock model or inference profile.
        millions: Millions of tokens per day, by kind.
    """

    model: str
    millions: Mapping[str, Decimal]


def parse_agent_tokens(value: object) -> AgentTokens:
    """Return the token use for a text of the form `MODEL,KIND=MILLIONS,…`.

    Raises:
        ValueError: The text has another form; the message states the requirement.
    """
    model, *parts = str(value).split(",")
    kinds = [part.partition("=") for part in parts]
    good = all(kind in AGENT_TOKEN_KINDS and _MILLIONS.fullmatch(number) for kind, _, number in kinds)
    if not _MODEL.fullmatch(model) or not kinds or not good or len({kind for kind, _, _ in kinds}) < len(kinds):
        raise ValueError(_REQUIREMENT)
    return AgentTokens(model=model, millions={kind: Decimal(number) for kind, _, number in kinds})
