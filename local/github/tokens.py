"""What a request's token is, told from its prefix; the token itself is never kept."""

from __future__ import annotations

from dataclasses import dataclass

CLASSIC_PREFIX = "ghp_"
DEFAULT_SCOPES = ("repo", "workflow")


@dataclass(frozen=True, kw_only=True)
class Token:
    """The kind of a token. Fine-grained tokens have permissions instead of scopes and never show them."""

    is_classic: bool
    scopes: tuple[str, ...] = ()


def read_token(header: str | None, scopes: tuple[str, ...]) -> Token | None:
    """Read an `Authorization` header.

    Args:
        header: The header's value, if it was sent.
        scopes: The scopes that a classic token has.

    Returns:
        The token, or nothing where the header holds none.
    """
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() not in {"bearer", "token"} or not value.strip():
        return None
    is_classic = value.strip().startswith(CLASSIC_PREFIX)
    return Token(is_classic=is_classic, scopes=scopes if is_classic else ())
