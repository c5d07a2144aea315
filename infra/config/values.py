"""Types of the settings' values: each accepts what AWS or GitHub accepts, and its error states the requirement."""

from __future__ import annotations

import re
from datetime import date, time
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from infra.config.agent_tokens import AgentTokens, parse_agent_tokens
from infra.naming import S3_BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

PRIVATE_IPV4_NETWORKS = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""Private IPv4 networks: https://www.rfc-editor.org/rfc/rfc1918#section-3"""

WIDEST_VPC_PREFIX, NARROWEST_VPC_PREFIX = 16, 20
"""AWS allows a VPC /16 to /28. The subnets of three zones need a sixteenth of it each, of at least /24."""

WIDEST_ADMIN_PREFIX = {4: 16, 6: 32}
"""Shortest prefix of an administrators' network, by IP version: the network of a large site."""

LOG_RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

CLUSTER_SIZES = (3, 5, 10)
"""Numbers of storage nodes that ClaudeFS's `deploy-prod` workflow offers."""


def _require(test: Callable[[Any], object], requirement: str) -> AfterValidator:
    """Refuse values that fail a test, with `requirement` as the error."""

    def check(value: object) -> object:
        if not test(value):
            raise ValueError(requirement)
        return value

    return AfterValidator(check)


def _matching_text(pattern: str, requirement: str) -> AfterValidator:
    """Accept text that matches the whole `pattern`."""
    return _require(re.compile(pattern, re.ASCII).fullmatch, requirement)


def _whole_number(low: int, high: int, unit: str) -> BeforeValidator:
    """Accept a whole number from `low` to `high`."""

    def check_number(value: object) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", str(value)) or not low <= int(str(value)) <= high:
            raise ValueError(f"must be a whole number of {unit} from {low} to {high}")
        return int(str(value))

    return BeforeValidator(check_number)


def _parse_flag(value: object) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return str(value).lower() == "true"


def _one_of_numbers(allowed: Collection[int], requirement: str) -> BeforeValidator:
    """Accept one of the given whole numbers, which replace `{}` in `requirement`."""

    def check_number(value: object) -> int:
        if str(value) not in map(str, allowed):
            raise ValueError(requirement.format(", ".join(map(str, sorted(allowed)))))
        return int(str(value))

    return BeforeValidator(check_number)


def _parse_network(value: object, requirement: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError as error:
        reason = " (no bits beyond the prefix length)" if "host bits" in str(error) else ""
        raise ValueError(requirement + reason) from error


def _parse_vpc_network(value: object) -> IPv4Network:
    bounds = f"/{WIDEST_VPC_PREFIX} to /{NARROWEST_VPC_PREFIX}"
    must = f"must be a private IPv4 network (RFC 1918) of {bounds}, such as 10.0.0.0/16"
    network = _parse_network(value, must)
    private = isinstance(network, IPv4Network) and any(network.subnet_of(allowed) for allowed in PRIVATE_IPV4_NETWORKS)
    if (
        not isinstance(network, IPv4Network)
        or not private
        or not WIDEST_VPC_PREFIX <= network.prefixlen <= NARROWEST_VPC_PREFIX
    ):
        raise ValueError(must)
    return network


def _parse_admin_network(value: object) -> IPv4Network | IPv6Network:
    must = (
        "must be a network of administrators, such as 203.0.113.7/32, and no wider than "
        f"/{WIDEST_ADMIN_PREFIX[4]} (IPv6: /{WIDEST_ADMIN_PREFIX[6]})"
    )
    network = _parse_network(value, must)
    if network.prefixlen < WIDEST_ADMIN_PREFIX[network.version] or network.is_multicast or network.is_loopback:
        raise ValueError(must)
    return network


_INSTANCE_TYPE = re.compile(
    r"(?P<letters>[a-z]+)(?P<generation>[0-9]+)(?P<extras>[a-z]*)(-[a-z0-9]+)?"
    r"\.(nano|micro|small|medium|large|([0-9]{1,3})?xlarge|metal(-[0-9]{1,3}xl)?)"
)


def _is_x86_linux_type(value: str) -> bool:
    """https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html."""
    parts = _INSTANCE_TYPE.fullmatch(value)
    # A g after the generation means Graviton; a1 was the first Graviton type, and mac instances do not run Linux.
    return parts is not None and parts["letters"] not in ("a", "mac") and "g" not in parts["extras"]


def _is_bucket_name(value: str) -> bool:
    return not value or (len(value) <= S3_BUCKET.max_length and S3_BUCKET.pattern.fullmatch(value) is not None)


def _parse_time_of_day(value: object) -> time:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", str(value)):
        raise ValueError("must be a time of the day from 00:00 to 23:59, such as 08:00")
    return time.fromisoformat(str(value))


def _parse_group_start(value: object) -> time | Literal["none"]:
    try:
        return "none" if value == "none" else _parse_time_of_day(value)
    except ValueError as error:
        raise ValueError(f"{error}, or none if no schedule starts the group") from None


def _parse_day(value: object) -> date:
    # An unquoted date in a YAML file arrives as midnight of that day.
    text = str(value).removesuffix("T00:00:00Z")
    try:
        if re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"must be an existing date: {error}") from error
    raise ValueError("must be a day as YYYY-MM-DD, such as 2026-12-25")


def distinct_items(noun: str) -> AfterValidator:
    """Refuse a list with duplicates."""
    return _require(lambda values: len(set(values)) == len(values), f"must name each of the {noun} once")


def at_most_items(count: int, noun: str, *, reason: str) -> AfterValidator:
    """Refuse a list with more than `count` items."""
    return _require(lambda values: len(values) <= count, f"must be at most {count} {noun}: {reason}")


def not_empty_list(noun: str) -> AfterValidator:
    """Refuse an empty list."""
    return _require(bool, f"must name at least one {noun}")


def one_of_words(allowed: Collection[str]) -> BeforeValidator:
    """Accept one of the given words."""

    def check_word(value: object) -> object:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(sorted(allowed))}")
        return value

    return BeforeValidator(check_word)


StackName = Annotated[
    # Grants for `prod` match `claudefs-prod-*`: if names had hyphens, they would include all of `prod-eu`.
    str,
    _matching_text(
        r"[a-z][a-z0-9]{0,19}",
        "must be 1 to 20 of a-z 0-9, beginning with a letter, without hyphens: it is part of names, rights and tags",
    ),
]
AwsRegion = Annotated[
    # China and GovCloud are separate partitions, with their own accounts, prices and ARNs.
    str,
    _matching_text(
        r"(af|ap|ca|eu|il|me|mx|sa|us)-(central|east|north|northeast|northwest|south|southeast|southwest|west)-[1-9]",
        "must be an AWS region, such as us-west-2 (not a zone, and not in China or GovCloud)",
    ),
]
AvailabilityZone = Annotated[
    str, _matching_text(r"[a-z]{2}-[a-z]+-[1-9][a-z]", "must be an availability zone of the region, such as us-west-2a")
]
_TAG_CHARACTERS = r"[\w .:/=+@-]"
TagValue = Annotated[
    str, _matching_text(_TAG_CHARACTERS + "{1,256}", "must be 1 to 256 letters, digits, spaces or any of _.:/=+-@")
]
OptionalTagValue = Annotated[
    str, _matching_text(_TAG_CHARACTERS + "{0,256}", "must be at most 256 letters, digits, spaces or any of _.:/=+-@")
]
VpcNetwork = Annotated[IPv4Network, BeforeValidator(_parse_vpc_network)]
AdminNetwork = Annotated[IPv4Network | IPv6Network, BeforeValidator(_parse_admin_network)]
InstanceType = Annotated[
    str,
    _require(
        _is_x86_linux_type,
        "must be an EC2 instance type with x86-64 processors (the image is amd64), such as c7a.2xlarge",
    ),
]
ImageParameter = Annotated[
    str,
    _matching_text(
        # Boots need snapd, the SSM agent and the package rustup, which minimal images and older releases may lack.
        r"/aws/service/canonical/ubuntu/server/(24\.04|noble)/stable/(current|20[0-9]{6}(\.[0-9]+)?)"
        r"/amd64/hvm/ebs-gp3/ami-id",
        "must be one of Canonical's public SSM parameters for an amd64 server image of Ubuntu 24.04, which boots are "
        "written for, such as /aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    ),
]
DiskGib = Annotated[int, _whole_number(30, 16384, "GiB")]
TimeZoneName = Annotated[
    # A rule checks that the zone exists, since a rule can suggest a similar name.
    str,
    _matching_text(r"[A-Za-z0-9_+/-]{1,64}", "must be the name of an IANA time zone, such as America/Los_Angeles"),
]
TimeOfDay = Annotated[time, BeforeValidator(_parse_time_of_day)]
GroupStart = Annotated[time | Literal["none"], PlainValidator(_parse_group_start)]
CalendarDay = Annotated[date, BeforeValidator(_parse_day)]
Flag = Annotated[bool, BeforeValidator(_parse_flag)]
ClusterSize = Annotated[int, _one_of_numbers(CLUSTER_SIZES, "must be one of {} storage nodes")]
GroupName = Annotated[
    str,
    _matching_text(
        r"[a-z][a-z0-9]*(-[a-z0-9]+)*(?<!.{25})",
        "the name of a node group must be 1 to 24 of a-z 0-9 and single -, beginning with a letter",
    ),
]
NodeCount = Annotated[int, _whole_number(0, 500, "nodes")]
# The image's files take 8 GiB.
NodeDiskGib = Annotated[int, _whole_number(10, 16384, "GiB")]
Percent = Annotated[int, _whole_number(0, 100, "percent")]
BudgetPercent = Annotated[int, _whole_number(1, 1000, "percent of the day's budget")]
UsDollars = Annotated[int, _whole_number(1, 1_000_000, "US dollars")]
ModelTokens = Annotated[AgentTokens, PlainValidator(parse_agent_tokens)]
WaitMinutes = Annotated[int, _whole_number(0, 43_200, "minutes")]
"""https://docs.github.com/en/rest/deployments/environments#create-or-update-an-environment"""
RetentionDays = Annotated[
    int, _one_of_numbers(LOG_RETENTION_DAYS, "must be a number of days that CloudWatch Logs offers: {}")
]
EmailAddress = Annotated[
    str,
    _matching_text(
        r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "must be an e-mail address, such as team@example.org"
    ),
]
BucketName = Annotated[
    str,
    _require(
        _is_bucket_name,
        "must be the name of an existing S3 bucket (3 to 63 of a-z 0-9 -), or empty to create one",
    ),
]
KeyId = Annotated[
    str,
    _matching_text(
        r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?",
        "must be the ID of the KMS key that `cfs bootstrap` created, or empty to create one",
    ),
]
_LOGIN = r"(?!.*--)[A-Za-z0-9][A-Za-z0-9-]{0,38}(?<!-)"
GitHubOwner = Annotated[
    str,
    _matching_text(
        _LOGIN,
        "must be the GitHub user or organization that owns the repository: 1 to 39 of A-Z a-z 0-9 and single -",
    ),
]
OptionalGitHubOwner = Annotated[
    str, _matching_text(r"([A-Za-z0-9-]{1,39})?", "must be the GitHub user or organization that owns the repository")
]
GitHubAddress = Annotated[
    str,
    _matching_text(
        r"(https?://[^\s/]+(/\S*)?)?", "must be the address of GitHub's API, such as https://api.github.com/"
    ),
]
AccountId = Annotated[
    str,
    _matching_text(r"[0-9]{12}", "must be an AWS account ID: 12 digits, in quotes"),
]
RepositoryName = Annotated[
    str,
    _matching_text(
        r"(?!\.{1,2}$)(?!.*\.git$)[\w.-]{1,100}",
        "must be a GitHub repository's name without its owner: 1 to 100 of A-Z a-z 0-9 . _ -, not ending in .git",
    ),
]
SecretName = Annotated[
    # https://docs.github.com/en/actions/reference/security/secrets
    str,
    _matching_text(
        r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}",
        "must be upper-case letters, digits and _, not begin with a digit or GITHUB_",
    ),
]
GitHubLogin = Annotated[
    str, _matching_text(_LOGIN, "must be a GitHub user's login: 1 to 39 of A-Z a-z 0-9 and single -")
]
TeamSlug = Annotated[
    str,
    _matching_text(
        r"[a-z0-9][a-z0-9_-]{0,99}",
        "must be a team's slug, as in its page's address: lower-case letters, digits, - and _, without the owner",
    ),
]
BranchPattern = Annotated[
    # https://docs.github.com/en/rest/deployments/branch-policies
    str,
    _matching_text(r"[^\s~^:\\]{1,255}", "must be a branch name or pattern, such as main; * matches anything but /"),
]
GitHubSubject = Annotated[
    str,
    _matching_text(
        r"(repo:[A-Za-z0-9-]{1,39}@[0-9]{1,18}/[\w.-]{1,100}@[0-9]{1,18})?",
        "must be repo:OWNER@ID/REPOSITORY@ID, or empty for a repository whose tokens contain no IDs; "
        "cfs doctor github shows the right value",
    ),
]
PreviewSubject = Annotated[
    str,
    _matching_text(
        r"(repo:[A-Za-z0-9-]{1,39}(@[0-9]{1,18})?/[\w.-]{1,100}(@[0-9]{1,18})?)?",
        "must be repo:OWNER/REPOSITORY or repo:OWNER@ID/REPOSITORY@ID, or empty for none",
    ),
]
EnvironmentName = Annotated[
    str,
    _matching_text(r"[a-z][a-z0-9-]{0,30}", "must be a GitHub environment that deployments run in, such as staging"),
]
