"""Reads from GitHub's REST API, with errors that have a repair."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from githubkit import GitHub, TokenAuthStrategy
from githubkit.exception import GitHubException, RateLimitExceeded, RequestError, RequestFailed, RequestTimeout
from githubkit.retry import RetryOption

from cfs import loopback
from cfs.doctor.github_target import GITHUB_API_URL
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from githubkit import Response

GITHUB_TIMEOUT_SECONDS = 10.0
MOST_GITHUB_RETRIES = 2
"""Retries of a request that GitHub's servers failed or did not answer."""

GITHUB_RETRY_SECONDS = 1.0
"""Wait before the first retry; each further retry waits this much longer."""

GITHUB_STATUS_PAGE = "https://www.githubstatus.com"


class GitHubNotFound(Exception):  # noqa: N818 — an answer, and often the expected one
    """GitHub answered 404: the resource does not exist, or the token may not see it."""


class GitHubForbidden(Exception):  # noqa: N818 — an answer, and often the expected one
    """GitHub answered 403: the token lacks the permission."""


@dataclass(frozen=True, kw_only=True)
class GitHubAnswer:
    """JSON of a response, and the token's scopes if GitHub shows them."""

    body: Any
    scopes: tuple[str, ...]


class GitHubClient:
    """Reads from GitHub with a token that never appears in errors; within a `with` block over one connection."""

    def __init__(self, *, token: str, base_url: str) -> None:
        """Take the token and a base URL as in the provider's variable GITHUB_BASE_URL; `/api/v3` may be omitted."""
        # As in the provider: only GitHub's own host serves the API without the path /api/v3/.
        host = urlsplit(base_url).hostname
        is_dotcom = host in ("github.com", "api.github.com")
        self._base_url = GITHUB_API_URL if is_dotcom else f"{base_url.rstrip('/').removesuffix('/api/v3')}/api/v3/"
        self._github = GitHub(
            TokenAuthStrategy(token),
            base_url=self._base_url,
            timeout=GITHUB_TIMEOUT_SECONDS,
            http_cache=False,
            # The stand-in on loopback is reached without a proxy.
            trust_env=host not in loopback.HOSTS,
            auto_retry=_retry_option,
            # The stand-in has no certificate, and githubkit would load all certificate authorities for each call.
            ssl_verify=host not in loopback.HOSTS,
        )

    def __enter__(self) -> Self:
        """Keep the connection open, which saves a TLS handshake a request."""
        self._github.__enter__()  # type: ignore[no-untyped-call]  # githubkit gives it no types
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the connection."""
        self._github.__exit__()

    def get_json(self, address: str, /, **query: str) -> GitHubAnswer:
        """Send a GET request to a path without leading slash.

        Raises:
            GitHubNotFound: GitHub answered 404.
            GitHubForbidden: GitHub answered 403.
        """
        try:
            response = self._github.request("GET", address, params=dict(query) or None)
        except RateLimitExceeded as error:
            raise _rate_limit_error(error.retry_after) from None
        except RequestFailed as error:
            raise self._refusal_error(error.response) from None
        except RequestTimeout:
            raise self._unreachable_error(f"did not answer within {GITHUB_TIMEOUT_SECONDS:.0f} s") from None
        except RequestError as error:
            raise self._unreachable_error(f"cannot be reached ({type(error.exc).__name__})") from None
        if response.headers.get("X-RateLimit-Remaining") == "0":
            # This was the last allowed request: the provider's requests would fail.
            raise _rate_limit_error(_time_until_reset(response.headers["X-RateLimit-Reset"]))
        return GitHubAnswer(body=response.json(), scopes=_token_scopes(response.headers))

    def _refusal_error(self, response: Response[Any, Any]) -> Exception:
        status = response.status_code
        if status == HTTPStatus.NOT_FOUND:
            return GitHubNotFound()
        if status == HTTPStatus.UNAUTHORIZED:
            return UserError(
                "GitHub does not accept the token in GITHUB_TOKEN: it has expired, was revoked, or is malformed.",
                repair="create one on https://github.com/settings/tokens (classic: scopes repo and workflow), and "
                "`export GITHUB_TOKEN`",
            )
        if status == HTTPStatus.FORBIDDEN:
            return GitHubForbidden()
        return self._unreachable_error(f"answered {status}, {MOST_GITHUB_RETRIES + 1} times in a row")

    def _unreachable_error(self, symptom: str) -> UserError:
        return UserError(
            f"GitHub at {self._base_url} {symptom}. Nothing was changed.",
            repair=f"see {GITHUB_STATUS_PAGE}, and run the command again",
        )


def _retry_option(error: GitHubException, done: int) -> RetryOption:
    """Retry requests that GitHub's servers failed or did not answer, but never wait for a rate limit."""
    failed = isinstance(error, RequestFailed) and error.response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    silent = isinstance(error, RequestError) and not isinstance(error, RequestFailed)
    again = (failed or silent) and done < MOST_GITHUB_RETRIES
    return RetryOption(again, timedelta(seconds=GITHUB_RETRY_SECONDS * (done + 1)) if again else None)


def _rate_limit_error(wait: timedelta) -> UserError:
    at = datetime.now(UTC).astimezone() + wait
    return UserError(
        f"GitHub accepts no more requests with this token until {at:%H:%M:%S}: its rate limit is used up. "
        "Nothing was changed.",
        repair=f"wait {_minutes_text(wait)} and run the command again",
    )


def _time_until_reset(reset: str) -> timedelta:
    return max(datetime.fromtimestamp(int(reset), UTC) - datetime.now(UTC), timedelta())


def _minutes_text(wait: timedelta) -> str:
    minutes = -(-int(wait.total_seconds()) // 60)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


def _token_scopes(headers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(scope.strip() for scope in headers.get("X-OAuth-Scopes", "").split(",") if scope.strip())
