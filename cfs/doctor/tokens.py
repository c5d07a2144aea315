"""Kinds of GitHub tokens, by their prefixes, and the permissions that a deployment needs.

https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cfs.doctor.findings import Finding

TOKENS_PAGE = "https://github.com/settings/tokens"

NEEDED_SCOPES = ("repo", "workflow")
"""Scopes of a classic token: https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps"""

NEEDED_PERMISSIONS = "Actions, Administration, Contents, Environments, Pull requests, Secrets, Variables, Workflows"
"""Permissions of a fine-grained token or an app, all for reading and writing:
https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens"""


class TokenKind(StrEnum):
    """Kind of token."""

    CLASSIC = "a classic token"
    FINE_GRAINED = "a fine-grained token"
    OAUTH = "an OAuth app's token, such as gh's"
    APP = "a GitHub app's token"
    UNKNOWN = "a token of unknown kind"

    @property
    def shows_scopes(self) -> bool:
        """Whether GitHub shows the token's scopes in its responses."""
        return self in (TokenKind.CLASSIC, TokenKind.OAUTH)


_KIND_BY_PREFIX = {
    "ghp_": TokenKind.CLASSIC,
    "github_pat_": TokenKind.FINE_GRAINED,
    "gho_": TokenKind.OAUTH,
    "ghs_": TokenKind.APP,
    "ghu_": TokenKind.APP,
}


def token_kind(token: str) -> TokenKind:
    """Return a token's kind."""
    return next((kind for prefix, kind in _KIND_BY_PREFIX.items() if token.startswith(prefix)), TokenKind.UNKNOWN)


def judge_scopes(kind: TokenKind, scopes: Sequence[str], *, delivers_workflows: bool) -> Iterator[Finding]:
    """Judge a token by the scopes that GitHub shows."""
    if not kind.shows_scopes:
        yield doubtful_finding(
            "token",
            f"It is {kind}, whose permissions GitHub does not show.",
            repair=f"check on {TOKENS_PAGE} that it may read and write: {NEEDED_PERMISSIONS}",
        )
        return
    missing = [scope for scope in NEEDED_SCOPES if scope not in scopes and (scope == "repo" or delivers_workflows)]
    if not missing:
        yield good_finding("token", f"It is {kind} with the scopes {', '.join(scopes)}.")
        return
    why = {
        "repo": "secrets, variables and environments cannot be written",
        "workflow": "workflow files cannot be written, which GitHub answers with 404, as if the repository were gone",
    }
    for scope in missing:
        yield wrong_finding(
            "token",
            f"The token in GITHUB_TOKEN lacks the scope `{scope}`: {why[scope]}.",
            repair=f"open {TOKENS_PAGE}, select the token, tick `{scope}` and press Update token",
        )
