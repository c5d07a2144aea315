"""Environment variables that engine, providers and SDKs read besides the stack's settings, and what each decides.

Taken from the sources of the GitHub provider 6.13.0 (`github/provider.go`) and the AWS provider 6.34.0
(`internal/provider/sdkv2/provider.go`, `provider_gen.go`), and from AWS's list for its SDKs:
https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Decision = Literal["owner", "address", "credentials", "tags", "client"]
"""What a variable decides: whose repository it is, where requests go, by whose rights, which tags resources get, and
how GitHub is asked."""


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """Variables that must not decide what a stack is deployed to; its settings do.

    Attributes:
        names: The name, with `*` for any characters.
        decides: What a provider lets it decide.
        beats_settings: Whether a setting that the state records cannot win over it, so that a run has to refuse it.
    """

    names: str
    decides: Decision
    beats_settings: bool = False


REDIRECTS = (
    # `github:organization` wins over both; `github:owner` over neither.
    Redirect(names="GITHUB_ORGANIZATION", decides="owner"),
    Redirect(names="GITHUB_OWNER", decides="owner"),
    Redirect(names="GITHUB_BASE_URL", decides="address"),
    # They win over GITHUB_TOKEN, by which `cfs doctor github` asks.
    Redirect(names="GITHUB_APP_ID", decides="credentials"),
    Redirect(names="GITHUB_APP_INSTALLATION_ID", decides="credentials"),
    Redirect(names="GITHUB_APP_PEM_FILE", decides="credentials"),
    Redirect(names="GITHUB_CACHE_PATH", decides="client"),
    Redirect(names="GITHUB_LEGACY_CLIENT", decides="client"),
    Redirect(names="GITHUB_MAX_PER_PAGE", decides="client"),
    # They lead the calls of one service elsewhere.
    Redirect(names="AWS_ENDPOINT_URL_*", decides="address", beats_settings=True),
    Redirect(names="AWS_DYNAMODB_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="AWS_IAM_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="AWS_S3_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="AWS_STS_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="TF_AWS_*_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="TF_AWS_DEFAULT_TAGS_*", decides="tags", beats_settings=True),
    Redirect(names="TF_AWS_IGNORE_TAGS_*", decides="tags", beats_settings=True),
)
"""All that leads elsewhere. What is not here may decide what it does: GITHUB_TOKEN, by which `cfs doctor github` asks;
AWS_PROFILE and the other credentials of AWS, and AWS_ENDPOINT_URL, which leads all calls to one place: the provider
asks there whose account it is, and `aws:allowedAccountIds` says which it must be."""


def find_redirects(names: Iterable[str], *, unbeatable_only: bool = False) -> list[str]:
    """Return the names of the variables that would lead a deployment elsewhere, in order.

    Args:
        names: Names of variables that are set.
        unbeatable_only: Whether to leave out those that the stack's settings win over.
    """
    patterns = [redirect.names for redirect in REDIRECTS if redirect.beats_settings or not unbeatable_only]
    return sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
