"""Settings that keep the environment from deciding what a stack is deployed to.

The providers take from variables what no setting says. The engine records the settings of providers in the state, and a
refresh or a destruction reads them there without running the program. So what is pinned by a setting holds for plain
`pulumi` too: docs/environment.md.
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
    """Require the owner a second time, as what GITHUB_ORGANIZATION and GITHUB_OWNER do not win over."""
    if github_organization != github_owner:
        yield RuleBreach(
            setting="github_organization",
            value=github_organization or None,
            allowed="must be the same as github:owner: variables of the environment win over that, but not over this",
            example=github_owner,
        )


def github_address_is_pinned(*, environment: str, github_base_url: str) -> Iterator[RuleBreach]:
    """Require GitHub's address, which else GITHUB_BASE_URL would decide; the emulated one's port changes."""
    if not github_base_url and environment != LOCAL_STACK:
        yield RuleBreach(
            setting="github_base_url",
            value=None,
            allowed="must be set: otherwise GITHUB_BASE_URL of the environment decides where GitHub is",
        )


def account_is_pinned(*, environment: str, allowed_account_ids: Sequence[str]) -> Iterator[RuleBreach]:
    """Require the number of the one account, which otherwise the caller's credentials decide.

    The provider does not ask for the emulated account's: it would then look for each bucket's tags under a host name
    of the account, which loopback has not.
    """
    if len(allowed_account_ids) != 1 and environment != LOCAL_STACK:
        yield RuleBreach(
            setting="allowed_account_ids",
            value=", ".join(allowed_account_ids) or None,
            allowed="must name the stack's one account: otherwise whatever credentials are there decide",
            repair="pulumi config set aws:allowedAccountIds "
            """'["ACCOUNT"]', with the number that `aws sts get-caller-identity` shows""",
        )


def s3_address_is_pinned(
    *, environment: str, region: str, aws_endpoints: Sequence[Mapping[str, str]]
) -> Iterator[RuleBreach]:
    """Require the address of S3, which a variable for another object store would else decide."""
    address = next((of["s3"] for of in aws_endpoints if of.get("s3")), None)
    of_region = _REGIONAL_S3.fullmatch(address or "")
    if address is None and environment != LOCAL_STACK:
        allowed = "must say where S3 answers: otherwise AWS_ENDPOINT_URL_S3 of the environment decides"
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
