"""The kind of a request's token, read from its prefix; the token itself is never kept."""

from __future__ import annotations

from dataclasses import dataclass

CLASSIC_PREFIX = "ghp_"
CLASSIC_SCOPES = ("repo", "workflow")


@dataclass(frozen=True, kw_only=True)
class Token:
    """The kind of a token. Fine-grained tokens have permissions instead of scopes and never show them."""

    is_classic: bool


def read_token(header: str | None) -> Token | None:
    """Read an `Authorization` header; None where it holds no token."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() not in {"bearer", "token"} or not value.strip():
        return None
    return Token(is_classic=value.strip().startswith(CLASSIC_PREFIX))
