"""Rules for texts that AWS restricts, checked before anything is declared."""

from __future__ import annotations

import re
from dataclasses import dataclass


class InvalidTextError(ValueError):
    """A text that a service would refuse; the message names the text and the rule."""


@dataclass(frozen=True, kw_only=True)
class TextRule:
    """A service's constraints on a text.

    Attributes:
        subject: Description of the text, for messages.
        max_length: Maximum length in characters.
        pattern: Regular expression that the whole text must match.
        source: URL of the service's documentation of the rule.
    """

    subject: str
    max_length: int
    pattern: re.Pattern[str]
    source: str


SECURITY_GROUP_DESCRIPTION = TextRule(
    subject="description of a security group or of one of its rules",
    max_length=255,
    # A group's own description may also contain &, but the description of a rule that refers to a group may not.
    pattern=re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=;{}!$*]+"),
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UserIdGroupPair.html",
)
IAM_DESCRIPTION = TextRule(
    subject="description of an IAM role or policy",
    max_length=1000,
    pattern=re.compile(r"[\t\n\r\x20-\x7e\xa1-\xff]*"),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html",
)
TAG_VALUE = TextRule(
    subject="value of a tag",
    max_length=256,
    # The strictest of all services: some accept more characters, but EventBridge Scheduler refuses empty values.
    pattern=re.compile(r"[\w .:/=+@-]+"),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html",
)


def check_text(rule: TextRule, text: str) -> str:
    """Return `text` unchanged.

    Raises:
        InvalidTextError: The text is too long or has characters that the service refuses.
    """
    if len(text) > rule.max_length or not rule.pattern.fullmatch(text):
        message = (
            f"{rule.subject} {text!r} must have at most {rule.max_length} characters"
            f" and match {rule.pattern.pattern} ({rule.source})"
        )
        raise InvalidTextError(message)
    return text
