"""Texts that AWS restricts: one that a service would refuse is refused before anything is declared."""

from __future__ import annotations

import re
from dataclasses import dataclass


class InvalidTextError(ValueError):
    """A text that a service would refuse; the message names the text and the rule."""


@dataclass(frozen=True, kw_only=True)
class TextRule:
    """Constraints of a service on a text.

    Attributes:
        subject: What the text is, for messages.
        max_length: Longest text, in characters.
        pattern: What the whole text must match.
        source: Where the service documents the rule.
    """

    subject: str
    max_length: int
    pattern: re.Pattern[str]
    source: str


SECURITY_GROUP_DESCRIPTION = TextRule(
    subject="description of a security group or of one of its rules",
    max_length=255,
    # A group's own may have & too, which a rule that names another group may not.
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
    # Some services accept further characters, and EventBridge Scheduler no empty value.
    pattern=re.compile(r"[\w .:/=+@-]+"),
    source="https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html",
)


def check_text(rule: TextRule, text: str) -> str:
    """Return `text` as it is.

    Raises:
        InvalidTextError: It is too long or has characters that the service refuses.
    """
    if len(text) > rule.max_length or not rule.pattern.fullmatch(text):
        message = (
            f"{rule.subject} {text!r} must have at most {rule.max_length} characters"
            f" and match {rule.pattern.pattern} ({rule.source})"
        )
        raise InvalidTextError(message)
    return text
