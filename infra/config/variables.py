"""Environment variables that the providers and SDKs read in addition to the stack's settings, and their effects.

Sources: the GitHub provider 6.13.0 (`github/provider.go`), the AWS provider 6.34.0
(`internal/provider/sdkv2/provider.go`, `provider_gen.go`), and AWS's list for its SDKs:
https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Decision = Literal["owner", "address", "credentials", "tags", "client"]
"""Effect of a variable: the repository's owner, the address of requests, their credentials, the tags of resources, or
the behaviour of the GitHub client."""


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """Environment variables that must not change a stack's target, which its settings define.

    Attributes:
        names: Name or pattern, with `*` for any characters.
        decides: Effect on a provider.
        beats_settings: Whether it overrides settings recorded in the state, so that runs must refuse it.
    """

    names: str
    decides: Decision
    beats_settings: bool = False


REDIRECTS = (
    # `github:organization` overrides both; `github:owner` overrides neither.
    Redirect(names="GITHUB_ORGANIZATION", decides="owner"),
    Redirect(names="GITHUB_OWNER", decides="owner"),
    Redirect(names="GITHUB_BASE_URL", decides="address"),
    # They override GITHUB_TOKEN, which `cfs doctor github` uses.
    Redirect(names="GITHUB_APP_ID", decides="credentials"),
    Redirect(names="GITHUB_APP_INSTALLATION_ID", decides="credentials"),
    Redirect(names="GITHUB_APP_PEM_FILE", decides="credentials"),
    Redirect(names="GITHUB_CACHE_PATH", decides="client"),
    Redirect(names="GITHUB_LEGACY_CLIENT", decides="client"),
    Redirect(names="GITHUB_MAX_PER_PAGE", decides="client"),
    # They redirect the calls of one service.
    Redirect(names="AWS_ENDPOINT_URL_*", decides="address", beats_settings=True),
    Redirect(names="AWS_DYNAMODB_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="AWS_IAM_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="AWS_S3_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="AWS_STS_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="TF_AWS_*_ENDPOINT", decides="address", beats_settings=True),
    Redirect(names="TF_AWS_DEFAULT_TAGS_*", decides="tags", beats_settings=True),
    Redirect(names="TF_AWS_IGNORE_TAGS_*", decides="tags", beats_settings=True),
)
"""All variables that redirect a deployment. Others are allowed on purpose: GITHUB_TOKEN, which `cfs doctor github`
uses; AWS_PROFILE and the other AWS credentials; and AWS_ENDPOINT_URL, which redirects all calls to one place, where the
provider reads the account ID and compares it with `aws:allowedAccountIds`."""


def find_redirects(names: Iterable[str], *, unbeatable_only: bool = False) -> list[str]:
    """Return the variables that would redirect a deployment, sorted.

    Args:
        names: Names of the variables that are set.
        unbeatable_only: Whether to omit variables that the stack's settings override.
    """
    patterns = [redirect.names for redirect in REDIRECTS if redirect.beats_settings or not unbeatable_only]
    return sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
