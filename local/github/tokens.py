"""The kind of a request's token, determined by its prefix; the token itself is never stored."""

from __future__ import annotations

from dataclasses import dataclass

CLASSIC_PREFIX = "ghp_"
CLASSIC_SCOPES = ("repo", "workflow")


@dataclass(frozen=True, kw_only=True)
class Token:
    """The kind of a token. Fine-grained tokens have permissions instead of scopes, and responses never list them."""

    is_classic: bool


def read_token(header: str | None) -> Token | None:
    """Return the token in an `Authorization` header, or None."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() not in {"bearer", "token"} or not value.strip():
        return None
    return Token(is_classic=value.strip().startswith(CLASSIC_PREFIX))
