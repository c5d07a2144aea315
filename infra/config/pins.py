"""Rules that require settings which pin a stack's target, so that environment variables cannot redirect it.

Providers read environment variables for every option that is not set. The engine records the providers' settings in
the state, and `pulumi refresh` and `pulumi destroy` read them from there without running the program. So a pinned
setting also protects plain `pulumi` commands: docs/environment.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from infra.config.breaches import RuleBreach
from infra.naming import LOCAL_STACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_REGIONAL_S3 = re.compile(r"https://s3\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/?")


def owner_is_pinned(*, github_owner: str, github_organization: str) -> Iterator[RuleBreach]:
    """Require the owner in `github:organization` too, which GITHUB_ORGANIZATION and GITHUB_OWNER do not override."""
    if github_organization != github_owner:
        yield RuleBreach(
            setting="github_organization",
            value=github_organization or None,
            allowed="must equal github:owner: environment variables override github:owner, but not this setting",
            example=github_owner,
        )


def github_address_is_pinned(*, environment: str, github_base_url: str) -> Iterator[RuleBreach]:
    """Require GitHub's address, which GITHUB_BASE_URL could change otherwise.

    The local stack is exempt, because the port of the emulated GitHub changes.
    """
    if not github_base_url and environment != LOCAL_STACK:
        yield RuleBreach(
            setting="github_base_url",
            value=None,
            allowed="must be set: otherwise the environment variable GITHUB_BASE_URL determines GitHub's address",
        )


def account_is_pinned(*, environment: str, allowed_account_ids: Sequence[str]) -> Iterator[RuleBreach]:
    """Require the ID of the one allowed account, which depends on the caller's credentials otherwise.

    The local stack is exempt: if the provider knew the emulated account's ID, it would read each bucket's tags from
    a host name that contains the ID, which does not resolve to loopback.
    """
    if len(allowed_account_ids) != 1 and environment != LOCAL_STACK:
        yield RuleBreach(
            setting="allowed_account_ids",
            value=", ".join(allowed_account_ids) or None,
            allowed="must name the stack's one account: otherwise the caller's credentials determine it",
            repair="pulumi config set aws:allowedAccountIds "
            """'["ACCOUNT"]', with the account ID that `aws sts get-caller-identity` shows""",
        )


def s3_address_is_pinned(
    *, environment: str, region: str, aws_endpoints: Sequence[Mapping[str, str]]
) -> Iterator[RuleBreach]:
    """Require S3's endpoint, which a variable for another object store could change otherwise."""
    address = next((of["s3"] for of in aws_endpoints if of.get("s3")), None)
    of_region = _REGIONAL_S3.fullmatch(address or "")
    if address is None and environment != LOCAL_STACK:
        allowed = "must name S3's endpoint: otherwise the environment variable AWS_ENDPOINT_URL_S3 determines it"
    elif of_region and of_region["region"] != region:
        allowed = f"must be the address of S3 in the stack's region, {region}"
    else:
        return
    yield RuleBreach(
        setting="aws_endpoints",
        path=(0, "s3"),
        value=address,
        allowed=allowed,
        example=f"https://s3.{region}.amazonaws.com",
    )
