"""Every value of a stack, typed and validated before the first resource is declared.

Validation is offline. All errors are reported at once, each with the key, its value, what is allowed and the
command that repairs it. `Pulumi.yaml` declares the same keys with their defaults; a test keeps the two equal.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Annotated, Literal, get_origin

import pulumi
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pulumi.runtime.config import CONFIG, get_config_env, get_config_secret_keys_env, is_config_secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic_core import ErrorDetails

NAMESPACE = "claudefs-infra"
"""The project's name in `Pulumi.yaml`, which prefixes its configuration keys."""

Protectable = Literal["orchestrator", "artifactBucket"]
"""What only an explicit setting lets Pulumi delete or replace. The state bucket is not among them: nothing does."""


def _private_ipv4(network: IPv4Network) -> IPv4Network:
    allowed = [IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")]
    if not any(network.subnet_of(private) for private in allowed) or not 16 <= network.prefixlen <= 24:
        raise ValueError("must be a private IPv4 network (RFC 1918) of /16 to /24, such as 10.0.0.0/16")
    return network


def _text(pattern: str, must: str) -> AfterValidator:
    """Accept text that matches `pattern` as a whole; say what it `must` be otherwise."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(must)
        return value

    return AfterValidator(check)


TagValue = Annotated[str, _text(r"[\w .:/=+@-]{1,256}", "must be 1 to 256 letters, digits, spaces or any of _.:/=+-@")]
InstanceType = Annotated[
    str, _text(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "must be an EC2 instance type, such as c7a.2xlarge")
]
ImageParameter = Annotated[
    str,
    _text(
        r"/aws/service/canonical/ubuntu/server(-minimal)?/[\w./-]+/amd64/[\w./-]+/ami-id",
        "must be one of Canonical's public SSM parameters for an amd64 image, /aws/service/canonical/ubuntu/…/ami-id",
    ),
]
Email = Annotated[str, _text(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+", "must be an e-mail address")]
RepositoryName = Annotated[
    str,
    _text(
        r"[\w.-]{1,100}",
        "must be a GitHub repository's name without its owner: 1 to 100 of A-Z a-z 0-9 . _ -",
    ),
]
SecretName = Annotated[
    # https://docs.github.com/en/actions/reference/security/secrets
    str,
    _text(
        r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}",
        "must be upper-case letters, digits and _, not begin with GITHUB_",
    ),
]


class Settings(BaseModel):
    """The settings of one stack, as the components read them."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=False)

    owner: TagValue = Field(examples=["claudefs-team"])
    vpc_cidr: Annotated[IPv4Network, AfterValidator(_private_ipv4)] = Field(examples=["10.0.0.0/16"])
    orchestrator_instance_type: InstanceType = Field(examples=["c7a.2xlarge"])
    orchestrator_disk_gib: int = Field(ge=30, le=16384, examples=["100"])
    orchestrator_image_parameter: ImageParameter = Field(
        examples=["/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"]
    )
    daily_budget_usd: int = Field(ge=1, le=100_000, examples=["100"])
    alert_emails: list[Email] = Field(max_length=10, examples=["team@example.org"])
    github_repository: RepositoryName = Field(examples=["claudefs"])
    actions_secrets: dict[SecretName, SecretStr] = Field(examples=["…"])
    unprotected: list[Protectable] = Field(examples=["orchestrator"])


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One setting that is wrong.

    Attributes:
        key: The full configuration key.
        value: What is set, or None where nothing is; `[secret]` for a secret.
        allowed: What would be right.
        repair: The command that repairs it.
    """

    key: str
    value: str | None
    allowed: str
    repair: str

    def __str__(self) -> str:
        """Say it in two lines."""
        found = "is not set" if self.value is None else f"is {self.value!r}"
        return f"{self.key} {found}: {self.allowed}\n    repair: {self.repair}"


class SettingsError(pulumi.RunError):
    """The stack's settings are wrong; nothing has been declared. Pulumi prints it without a traceback."""

    def __init__(self, problems: list[Problem]) -> None:
        """Report all problems at once."""
        self.problems = problems
        count = "1 setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
        super().__init__("\n  ".join([f"{count}; nothing was deployed.", *map(str, problems)]))


def load() -> Settings:
    """Read the settings of the running program's stack.

    Raises:
        SettingsError: Some are wrong.
    """
    # The official language host passes configuration in the environment, others set it in the process.
    config = {**get_config_env(), **CONFIG.get()}
    return parse(
        config,
        secret_keys=[key for key in config if is_config_secret(key) or key in get_config_secret_keys_env()],
    )


def parse(config: Mapping[str, str], *, secret_keys: Collection[str]) -> Settings:
    """Validate a stack's configuration, offline.

    Args:
        config: All configuration values by full key, lists and objects as JSON, as the engine hands them over.
        secret_keys: The keys whose values are stored encrypted.

    Raises:
        SettingsError: Some are wrong.
    """
    prefix = f"{NAMESPACE}:"
    given = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    problems = [_stored_in_plain(key) for key in _SECRET_SETTINGS if _is_plain_secret(key, given, secret_keys)]
    try:
        settings = Settings.model_validate({key: _decoded(key, value) for key, value in given.items()})
    except ValidationError as error:
        problems += [_problem(details, given) for details in error.errors(include_url=False)]
    if problems:
        raise SettingsError(problems)
    return settings


_FIELDS = {to_camel(name): field for name, field in Settings.model_fields.items()}
_SECRET_SETTINGS = ("actionsSecrets",)
_JSON_START = re.compile(r"\s*[\[{]")


def _decoded(key: str, value: str) -> object:
    """Turn the JSON of a list or an object into one; leave all else to the field's own type."""
    if key in _FIELDS and _JSON_START.match(value):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _is_plain_secret(key: str, given: Mapping[str, str], secret_keys: Collection[str]) -> bool:
    return given.get(key, "{}") != "{}" and f"{NAMESPACE}:{key}" not in secret_keys


def _stored_in_plain(key: str) -> Problem:
    return Problem(
        key=f"{NAMESPACE}:{key}",
        value="[in plain text]",
        allowed="a secret must be stored encrypted",
        repair=f"pulumi config rm {NAMESPACE}:{key}, then {_set_command(key, nested='NAME')}",
    )


def _problem(details: ErrorDetails, given: Mapping[str, str]) -> Problem:
    key, *inner = (str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        return _unknown_key(key, given[key])
    nested = next((part for part in inner if part != "[key]"), None)
    return Problem(
        key=f"{NAMESPACE}:{key}" + (f"[{nested}]" if nested else ""),
        value=_shown(key, details["input"]) if key in given else None,
        allowed=details["msg"].removeprefix("Value error, "),
        repair=_set_command(key, nested=nested),
    )


def _unknown_key(key: str, value: str) -> Problem:
    similar = difflib.get_close_matches(key, _FIELDS, n=1)
    rename = f", and if {similar[0]} was meant: {_set_command(similar[0], nested=None)}" if similar else ""
    return Problem(
        key=f"{NAMESPACE}:{key}",
        value=_shown(key, value),
        allowed=f"there is no such setting; allowed are {', '.join(sorted(_FIELDS))}",
        repair=f"pulumi config rm {NAMESPACE}:{key}{rename}",
    )


def _shown(key: str, value: object) -> str:
    similar = difflib.get_close_matches(key, _SECRET_SETTINGS, n=1)
    return "[secret]" if similar else str(value)


def _set_command(key: str, *, nested: str | None) -> str:
    examples = _FIELDS[key].examples or []
    secret = "--secret " if key in _SECRET_SETTINGS else ""
    origin = get_origin(_FIELDS[key].annotation)
    if origin is dict:
        # Without a value on the command line pulumi asks for it, so that no secret gets into the shell's history.
        return f"pulumi config set {secret}--path '{NAMESPACE}:{key}.{nested or 'NAME'}'"
    if origin is list:
        return f"pulumi config set --path '{NAMESPACE}:{key}[{nested or 0}]' {examples[0]}"
    return f"pulumi config set {NAMESPACE}:{key} {examples[0]}"
