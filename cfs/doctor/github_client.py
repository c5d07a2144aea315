"""GitHub's answers, or in plain words why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from githubkit import GitHub, TokenAuthStrategy
from githubkit.exception import GitHubException, RateLimitExceeded, RequestError, RequestFailed, RequestTimeout
from githubkit.retry import RetryOption

from cfs import loopback
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from githubkit import Response

GITHUB_API_URL = "https://api.github.com/"
GITHUB_TIMEOUT_SECONDS = 10.0
"""How long one answer may take."""

MOST_GITHUB_RETRIES = 2
"""How often a call is sent again that GitHub's servers failed or did not answer."""

GITHUB_RETRY_SECONDS = 1.0
"""How long it waits before the first of them; before each further one as long again."""

GITHUB_STATUS_PAGE = "https://www.githubstatus.com"


class GitHubNotFound(Exception):  # noqa: N818 — it is an answer, and often a right one
    """GitHub says that there is no such thing, or that the token may not see it."""


class GitHubForbidden(Exception):  # noqa: N818 — likewise
    """GitHub says that the token may not."""


@dataclass(frozen=True, kw_only=True)
class GitHubAnswer:
    """What GitHub answered.

    Attributes:
        body: The JSON.
        scopes: The token's scopes where GitHub tells them.
    """

    body: Any
    scopes: tuple[str, ...]


class GitHubClient:
    """Reads from GitHub with a token that it never shows."""

    def __init__(self, *, token: str, base_url: str) -> None:
        """Prepare calls.

        Args:
            token: The token.
            base_url: Where GitHub answers, as the provider's variable GITHUB_BASE_URL has it: without `api/v3`.
        """
        # As the provider does: any host but GitHub's own has its API below a path.
        host = urlsplit(base_url).hostname
        is_dotcom = host in ("github.com", "api.github.com")
        self._base_url = GITHUB_API_URL if is_dotcom else f"{base_url.rstrip('/').removesuffix('/api/v3')}/api/v3/"
        self._github = GitHub(
            TokenAuthStrategy(token),
            base_url=self._base_url,
            timeout=GITHUB_TIMEOUT_SECONDS,
            http_cache=False,
            # What variables and files say of proxies is not for the stand-in on loopback.
            trust_env=host not in loopback.HOSTS,
            auto_retry=_retry_option,
            # Neither has the stand-in a certificate, and githubkit would load all authorities anew for each call.
            ssl_verify=urlsplit(base_url).hostname not in loopback.HOSTS,
        )

    def get_json(self, address: str, /, **query: str) -> GitHubAnswer:
        """Read something.

        Args:
            address: Its path, without the first slash.
            query: Parameters.

        Raises:
            Missing: GitHub does not show it.
            Forbidden: The token may not see it.
        """
        try:
            response = self._github.request("GET", address, params=dict(query) or None)
        except RateLimitExceeded as error:
            raise _rate_limit_error(error.retry_after) from None
        except RequestFailed as error:
            raise self._refusal_error(error.response) from None
        except RequestTimeout:
            raise self._unreachable_error(f"has not answered for {GITHUB_TIMEOUT_SECONDS:.0f} s") from None
        except RequestError as error:
            raise self._unreachable_error(f"cannot be reached ({type(error.exc).__name__})") from None
        if response.headers.get("X-RateLimit-Remaining") == "0":
            # It was the last one: the provider would send no further.
            raise _rate_limit_error(_time_until_reset(response.headers["X-RateLimit-Reset"]))
        return GitHubAnswer(body=response.json(), scopes=_token_scopes(response.headers))

    def _refusal_error(self, response: Response[Any, Any]) -> Exception:
        status = response.status_code
        if status == HTTPStatus.NOT_FOUND:
            return GitHubNotFound()
        if status == HTTPStatus.UNAUTHORIZED:
            return UserError(
                "GitHub does not accept the token in GITHUB_TOKEN: it has expired, was revoked, or is no token.",
                repair="make a new one on https://github.com/settings/tokens (classic: scopes repo and workflow), and "
                "`export GITHUB_TOKEN`",
            )
        if status == HTTPStatus.FORBIDDEN:
            return GitHubForbidden()
        return self._unreachable_error(f"answers {status}, {MOST_GITHUB_RETRIES + 1} times in a row")

    def _unreachable_error(self, symptom: str) -> UserError:
        return UserError(
            f"GitHub at {self._base_url} {symptom}. Nothing was changed.",
            repair=f"look at {GITHUB_STATUS_PAGE}, and run the command again",
        )


def _retry_option(error: GitHubException, done: int) -> RetryOption:
    """Send a call again where GitHub's servers failed or kept silent, but wait for no rate limit."""
    failed = isinstance(error, RequestFailed) and error.response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    silent = isinstance(error, RequestError) and not isinstance(error, RequestFailed)
    again = (failed or silent) and done < MOST_GITHUB_RETRIES
    return RetryOption(again, timedelta(seconds=GITHUB_RETRY_SECONDS * (done + 1)) if again else None)


def _rate_limit_error(wait: timedelta) -> UserError:
    at = datetime.now(UTC).astimezone() + wait
    return UserError(
        f"GitHub takes no more calls with this token until {at:%H:%M:%S}: its rate limit is used up. "
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
