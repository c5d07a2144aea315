"""The stack's settings, typed and validated before the first resource is declared.

Validation works offline. It reports all errors at once, each with the key, the value, the allowed values and the
command that fixes it. `Pulumi.yaml` declares the same keys with their defaults; a test compares the two.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from infra.config import values
from infra.config.breaches import removal_command, value_path_text
from infra.config.given import SECRET_SETTINGS
from infra.config.guard_steps import GuardStep
from infra.config.node_groups import NodeGroup, NodeGroupChange, resolve_node_groups
from infra.config.problems import SettingProblem, SettingsError
from infra.config.repository import DEFAULT_BRANCH, PULL_REQUEST_REFS, DeliveryMethod
from infra.config.rules import find_breaches
from infra.naming import CONFIG_NAMESPACE
from infra.network.egress import EgressMode
from infra.network.zones import assign_zones_to_sites, choose_zones
from infra.schedules.schedule import Calendar
from infra.tags import Site, Tags

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from infra.config.breaches import RuleBreach

ProtectableResource = Literal["orchestrator", "artifactBucket", "encryptionKey"]
"""Resources that Pulumi deletes or replaces only if a setting allows it. No setting does so for the state bucket."""


OrchestratorHoursMode = Literal["always", "weekdays"]
"""Whether the orchestrator always runs, or only during the schedule's hours."""

OidcProviderMode = Literal["create", "existing"]
"""Whether the stack creates the IAM OIDC provider for GitHub or uses the existing one. An account has only one."""


class Settings(BaseModel):
    """The settings of one stack; `Pulumi.yaml` describes each."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=lambda name: f"{CONFIG_NAMESPACE}:{to_camel(name)}",
        validate_by_name=False,
        # `pulumi config set --path` writes digits as a number.
        coerce_numbers_to_str=True,
    )

    environment: values.StackName = Field(alias="stack", examples=["prod"])
    region: values.AwsRegion = Field(alias="aws:region", examples=["us-west-2"])
    github_owner: values.GitHubOwner = Field(alias="github:owner", examples=["your-organization"])
    github_organization: values.OptionalGitHubOwner = Field(
        default="", alias="github:organization", examples=["your-organization"]
    )
    github_base_url: values.GitHubAddress = Field(
        default="", alias="github:baseUrl", examples=["https://api.github.com/"]
    )
    allowed_account_ids: list[values.AccountId] = Field(
        default=[], alias="aws:allowedAccountIds", examples=["111122223333"]
    )
    aws_endpoints: list[dict[str, str]] = Field(
        default=[], alias="aws:endpoints", examples=["https://s3.us-west-2.amazonaws.com"]
    )

    owner: values.TagValue = Field(examples=["claudefs-team"])
    cost_center: values.OptionalTagValue = Field(examples=["engineering"])
    vpc_cidr: values.VpcNetwork = Field(examples=["10.0.0.0/16"])
    availability_zones: Annotated[list[values.AvailabilityZone], values.distinct_items("zones")] = Field(
        examples=["us-west-2a"]
    )
    site_a_zones: Annotated[list[values.AvailabilityZone], values.distinct_items("zones")] = Field(
        examples=["us-west-2a"]
    )
    site_b_zones: Annotated[list[values.AvailabilityZone], values.distinct_items("zones")] = Field(
        examples=["us-west-2b"]
    )
    egress: Annotated[EgressMode, values.one_of_words(get_args(EgressMode))] = Field(examples=["nat"])
    admin_cidrs: Annotated[
        list[values.AdminNetwork],
        values.distinct_items("networks"),
        values.at_most_items(10, "networks", reason="each takes a rule for each port, and a security group has 60"),
    ] = Field(examples=["203.0.113.7/32"])
    orchestrator_instance_type: values.InstanceType = Field(examples=["c7a.2xlarge"])
    orchestrator_disk_gib: values.DiskGib = Field(examples=["100"])
    orchestrator_image_parameter: values.ImageParameter = Field(
        examples=["/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"]
    )
    orchestrator_hours: Annotated[OrchestratorHoursMode, values.one_of_words(get_args(OrchestratorHoursMode))] = Field(
        examples=["always"]
    )
    schedule_time_zone: values.TimeZoneName = Field(examples=["America/Los_Angeles"])
    schedule_start: values.TimeOfDay = Field(examples=["08:00"])
    schedule_stop: values.TimeOfDay = Field(examples=["18:00"])
    holidays: Annotated[list[values.CalendarDay], values.distinct_items("days")] = Field(examples=["2026-12-25"])
    extra_days: Annotated[list[values.CalendarDay], values.distinct_items("days")] = Field(examples=["2026-12-05"])
    cluster_size: values.ClusterSize = Field(examples=["5"])
    node_groups: dict[values.GroupName, NodeGroupChange] = Field(examples=["5"])
    node_image_parameter: values.ImageParameter = Field(
        examples=["/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"]
    )
    unprotected: Annotated[
        list[Annotated[ProtectableResource, values.one_of_words(get_args(ProtectableResource))]],
        values.distinct_items("protected resources"),
    ] = Field(examples=["orchestrator"])
    adopt_state_bucket: values.BucketName = Field(examples=["claudefs-prod-state"])
    adopt_encryption_key: values.KeyId = Field(examples=["1234abcd-12ab-34cd-56ef-1234567890ab"])
    daily_budget_usd: values.UsDollars = Field(examples=["100"])
    monthly_budget_usd: values.UsDollars = Field(examples=["3000"])
    agent_tokens: Annotated[
        list[values.ModelTokens],
        values.at_most_items(10, "models", reason="the agents use few"),
    ] = Field(examples=["us.anthropic.claude-haiku-4-5-20251001-v1:0,input=1.05,output=3.95"])
    guard_steps: dict[Annotated[GuardStep, values.one_of_words(get_args(GuardStep))], values.BudgetPercent] = Field(
        examples=["70"]
    )
    guard_stops_orchestrator: values.Flag = Field(examples=["false"])
    guard_dry_run: values.Flag = Field(examples=["false"])
    alert_emails: Annotated[
        list[values.EmailAddress],
        values.distinct_items("addresses"),
        values.at_most_items(10, "addresses", reason="AWS Budgets takes no more for one alert"),
    ] = Field(examples=["team@example.org"])
    log_retention_days: values.RetentionDays = Field(examples=["30"])
    github_repository: values.RepositoryName = Field(examples=["claudefs"])
    manages_repository: values.Flag = Field(examples=["true"])
    actions_secrets: dict[values.SecretName, SecretStr] = Field(examples=["…"])
    environment_secrets: dict[values.SecretName, SecretStr] = Field(examples=["…"])
    preview_secrets: dict[values.SecretName, SecretStr] = Field(examples=["…"])
    reviewer_users: Annotated[list[values.GitHubLogin], values.distinct_items("users")] = Field(examples=["your-login"])
    reviewer_teams: Annotated[list[values.TeamSlug], values.distinct_items("teams")] = Field(examples=["your-team"])
    prevent_self_review: values.Flag = Field(examples=["false"])
    previews_need_approval: values.Flag = Field(examples=["false"])
    deployment_wait_minutes: values.WaitMinutes = Field(examples=["0"])
    deployment_branches: Annotated[
        list[values.BranchPattern],
        values.distinct_items("branches"),
        values.at_most_items(10, "branches", reason="what deploys should be few"),
    ] = Field(examples=["main"])
    workflow_delivery: Annotated[DeliveryMethod, values.one_of_words(get_args(DeliveryMethod))] = Field(
        examples=["commit"]
    )
    overwrite_edited_workflows: values.Flag = Field(examples=["false"])
    github_oidc_provider: Annotated[OidcProviderMode, values.one_of_words(get_args(OidcProviderMode))] = Field(
        examples=["existing"]
    )
    preview_environments: Annotated[list[values.EnvironmentName], values.distinct_items("environments")] = Field(
        examples=["staging"]
    )
    github_subject: values.GitHubSubject = Field(examples=["repo:your-organization@1/claudefs@2"])
    preview_subject: values.PreviewSubject = Field(examples=["repo:your-organization/claudefs-infra"])

    @property
    def network_zones(self) -> tuple[str, ...]:
        """The network's availability zones: the configured ones, or the region's defaults."""
        return choose_zones(self.region, self.availability_zones)

    @property
    def zones_by_site(self) -> Mapping[Site, tuple[str, ...]]:
        """The zones of each site."""
        return assign_zones_to_sites(self.network_zones, site_a=self.site_a_zones, site_b=self.site_b_zones)

    @property
    def node_calendar(self) -> Calendar:
        """Calendar of the nodes."""
        return Calendar(
            time_zone=self.schedule_time_zone,
            start=self.schedule_start,
            stop=self.schedule_stop,
            holidays=frozenset(self.holidays),
            extra_days=frozenset(self.extra_days),
        )

    @property
    def orchestrator_calendar(self) -> Calendar | None:
        """Calendar of the orchestrator, or None if it always runs."""
        return self.node_calendar if self.orchestrator_hours == "weekdays" else None

    @property
    def all_node_groups(self) -> tuple[NodeGroup, ...]:
        """The node groups: the default groups with their changes, and added groups."""
        return resolve_node_groups(self.cluster_size, self.node_groups)

    @property
    def stack_tags(self) -> Tags:
        """The stack's tags."""
        return Tags(environment=self.environment, owner=self.owner, cost_center=self.cost_center)

    @property
    def github_environment(self) -> str:
        """The GitHub environment of the stack's deployments."""
        return "production" if self.environment == "prod" else self.environment

    @property
    def full_repository(self) -> str:
        """The GitHub repository that agents work on and releases come from, as `owner/name`."""
        return f"{self.github_owner}/{self.github_repository}"

    @property
    def github_subject_prefix(self) -> str:
        """Prefix of the `sub` claim in the repository's OIDC tokens."""
        return self.github_subject or f"repo:{self.full_repository}"

    @property
    def preview_environments_json(self) -> str:
        """The environments in which pull requests are previewed, as JSON for the workflows; "" if there are none."""
        return json.dumps(self.preview_environments) if self.preview_environments else ""

    @property
    def preview_branches(self) -> list[str]:
        """Branch patterns whose jobs may preview: those that may deploy, and the merge refs of pull requests."""
        return [*(self.deployment_branches or [DEFAULT_BRANCH]), PULL_REQUEST_REFS]

    def is_protected(self, resource: ProtectableResource) -> bool:
        """Return whether Pulumi must refuse to delete or replace the resource."""
        return resource not in self.unprotected


def parse_settings(config: Mapping[str, str], *, stack: str, secret_keys: Collection[str]) -> Settings:
    """Validate a stack's configuration, offline.

    Args:
        config: All configuration values by full key, as the engine passes them: lists and objects as JSON.
        stack: The stack's name.
        secret_keys: Keys with encrypted values.

    Raises:
        SettingsError: Some settings are wrong.
    """
    given = {key: value for key, value in config.items() if key in SETTING_FIELDS or not _is_plugin_key(key)}
    given[_STACK_KEY] = stack
    report = _ProblemReport(given=given, secret_keys=secret_keys)
    problems = report.plain_text_secrets()
    try:
        settings = Settings.model_validate({key: _decode_value(key, value) for key, value in given.items()})
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems += map(report.field_problem, details)
        valid = dict(_valid_fields(given, wrong=[each["loc"] for each in details]))
        raise SettingsError(problems + list(map(report.rule_problem, find_breaches(valid)))) from None
    problems += map(
        report.rule_problem, find_breaches({name: getattr(settings, name) for name in Settings.model_fields})
    )
    if problems:
        raise SettingsError(problems)
    return settings


SETTING_FIELDS: Mapping[str, FieldInfo] = {field.alias or name: field for name, field in Settings.model_fields.items()}
"""Fields of `Settings` by configuration key."""

_STACK_KEY = "stack"
_SECRET_KEYS = tuple(f"{CONFIG_NAMESPACE}:{name}" for name in SECRET_SETTINGS)
_NODE_GROUPS_KEY = f"{CONFIG_NAMESPACE}:nodeGroups"
_GUARD_STEPS_KEY = f"{CONFIG_NAMESPACE}:guardSteps"
_GROUP_LIST_FIELD = "instanceTypes"
"""The only list field of a node group."""
_PLUGIN_NAMESPACES = ("aws", "github", "pulumi")
_ValuePath = tuple[str | int, ...]
"""Keys and indexes of a value inside a setting."""
_JSON_START = re.compile(r"\s*[\[{]")


def _is_plugin_key(key: str) -> bool:
    """Return whether a key configures a provider or Pulumi itself, which validate their own keys."""
    return key.partition(":")[0] in _PLUGIN_NAMESPACES


def _decode_value(key: str, value: str) -> object:
    """Decode the JSON of a list or an object; leave other values to the field's type."""
    if key in SETTING_FIELDS and _JSON_START.match(value):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _valid_fields(given: Mapping[str, str], *, wrong: Sequence[_ValuePath]) -> Iterator[tuple[str, Any]]:
    """Return the valid fields of a wrong configuration, so that rules between them can be checked in the same run.

    Wrong node groups are omitted; the others are returned.
    """
    groups = {path[1] for path in wrong if path[0] == _NODE_GROUPS_KEY and len(path) > 1}
    keys = {path[0] for path in wrong if path[0] != _NODE_GROUPS_KEY or len(path) == 1}
    for name, field in Settings.model_fields.items():
        key = field.alias or name
        if key in keys:
            continue
        if key not in given:
            yield name, field.default
            continue
        value = _decode_value(key, given[key])
        if key == _NODE_GROUPS_KEY and isinstance(value, dict):
            value = {group: change for group, change in value.items() if group not in groups}
        yield name, _field_adapter(name).validate_python(value)


@cache
def _field_adapter(name: str) -> TypeAdapter[Any]:
    field = Settings.model_fields[name]
    annotated: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(annotated)


@dataclass(frozen=True, kw_only=True)
class _ProblemReport:
    """Creates problems with a repair command and without secret values."""

    given: Mapping[str, str]
    secret_keys: Collection[str]

    def plain_text_secrets(self) -> list[SettingProblem]:
        """Return the problems of secrets that are stored in plain text."""
        return [
            SettingProblem(
                key=key,
                value="[in plain text]",
                allowed="a secret must be stored encrypted",
                repair=f"pulumi config rm {key}, then {_set_command(key, path=('NAME',))}",
            )
            for key in _SECRET_KEYS
            if self.given.get(key, "{}") != "{}" and key not in self.secret_keys
        ]

    def field_problem(self, details: ErrorDetails) -> SettingProblem:
        """Return the problem for a validation error of a field."""
        key, *inner = (str(part) for part in details["loc"])
        if details["type"] == "extra_forbidden" and not inner:
            return self._unknown_setting_problem(key)
        path = _value_path(key, details["loc"][1:])
        if details["type"] == "extra_forbidden":
            return self._unknown_field_problem(key, path, details["input"])
        badly_named = inner[-1:] == ["[key]"]
        removed = badly_named or _is_collection(key, path) or details["type"] == "model_type"
        repairs = [
            *([removal_command(key, *path)] if removed else []),
            *([] if badly_named else [_set_command(key, path=path)]),
        ]
        return SettingProblem(
            key=key + value_path_text(path),
            value=self._displayed_value(key, details["input"]) if key in self.given else None,
            allowed=_allowed_text(details),
            repair=", then ".join(repairs),
        )

    def rule_problem(self, breach: RuleBreach) -> SettingProblem:
        """Return the problem for a violated rule between settings."""
        key = Settings.model_fields[breach.setting].alias or breach.setting
        return SettingProblem(
            key=key + value_path_text(breach.path),
            value=None if breach.value is None else self._displayed_value(key, breach.value),
            allowed=breach.allowed,
            repair=breach.repair or _set_command(key, path=breach.path, example=breach.example),
        )

    def _unknown_field_problem(self, key: str, path: _ValuePath, value: object) -> SettingProblem:
        fields = _node_group_fields()
        similar = difflib.get_close_matches(str(path[-1]).lower(), {name.lower(): name for name in fields}, n=1)
        meant = next((name for name in fields if [name.lower()] == similar), None)
        rename = f", and if {meant} was meant: {_set_command(key, path=(*path[:-1], meant))}" if meant else ""
        return SettingProblem(
            key=key + value_path_text(path),
            value=self._displayed_value(key, value),
            allowed=f"a node group has no such field; the fields are {', '.join(sorted(fields))}",
            repair=removal_command(key, *path) + rename,
        )

    def _unknown_setting_problem(self, key: str) -> SettingProblem:
        similar = _similar_keys(key, SETTING_FIELDS)
        rename = f", and if {similar[0]} was meant: {_set_command(similar[0])}" if similar else ""
        settings = ", ".join(
            sorted(known.removeprefix(f"{CONFIG_NAMESPACE}:") for known in SETTING_FIELDS if known != _STACK_KEY)
        )
        return SettingProblem(
            key=key,
            value=self._displayed_value(key, self.given[key]),
            allowed=f"there is no such setting; the settings are {settings}",
            repair=f"pulumi config rm {key}{rename}",
        )

    def _displayed_value(self, key: str, value: object) -> str:
        # A misspelt key may hold a secret.
        secret = key in (*self.secret_keys, *_SECRET_KEYS) or (
            key not in SETTING_FIELDS and bool(_similar_keys(key, _SECRET_KEYS))
        )
        return "[secret]" if secret else str(value)


def _similar_keys(key: str, keys: Iterable[str]) -> list[str]:
    """Return the key most similar to a wrong one, comparing only the parts after the namespace."""
    by_name = {known.rpartition(":")[2].lower(): known for known in keys}
    names = difflib.get_close_matches(key.rpartition(":")[2].lower(), by_name, n=1)
    return [by_name[name] for name in names]


def _allowed_text(details: ErrorDetails) -> str:
    """Return a field's requirement: the project's wording, or otherwise pydantic's."""
    known = {
        "missing": "must be set",
        "list_type": "must be a list",
        "dict_type": "must be an object of names and values",
        "model_type": "must be an object of a node group's fields",
        "tuple_type": "must be a list",
        "string_type": "must be text",
    }
    return known.get(details["type"]) or details["msg"].removeprefix("Value error, ")


def _is_collection(key: str, path: _ValuePath) -> bool:
    """Return whether a path leads to a list or an object, whose old value must be removed before one is set in it."""
    if key == _NODE_GROUPS_KEY and path[1:] == (_GROUP_LIST_FIELD,):
        return True
    return not path and get_origin(SETTING_FIELDS[key].annotation) in (list, dict)


def _value_path(key: str, location: Sequence[str | int]) -> _ValuePath:
    """Return the path for a location reported by pydantic, without its markers for validators and bad object keys."""
    names = get_origin(SETTING_FIELDS[key].annotation) is dict if key in SETTING_FIELDS else False
    return tuple(part for part in location if isinstance(part, int) or (names and part != "[key]"))


def _node_group_fields() -> Mapping[str, FieldInfo]:
    """Return the fields of a node group by their names in the settings."""
    return {field.alias or name: field for name, field in NodeGroupChange.model_fields.items()}


def _set_command(key: str, *, path: _ValuePath = (), example: str | None = None) -> str:
    value = example or (SETTING_FIELDS[key].examples or [])[0]
    if key == _STACK_KEY:
        return f"pulumi stack rename {value}"
    if key in _SECRET_KEYS:
        # Without a value on the command line pulumi prompts for it, so no secret enters the shell's history.
        return f"pulumi config set --secret --path '{key}{value_path_text(path or ('NAME',))}'"
    if key == _NODE_GROUPS_KEY:
        path, value = _settable_group_value(path)
        value = example or value
    elif key == _GUARD_STEPS_KEY:
        path = path or ("economy",)
    elif get_origin(SETTING_FIELDS[key].annotation) is list:
        path = path or (0,)
    return (
        f"pulumi config set --path '{key}{value_path_text(path)}' {value}"
        if path
        else f"pulumi config set {key} {value}"
    )


def _settable_group_value(path: _ValuePath) -> tuple[_ValuePath, str]:
    """Return the path extended to a value of a node group that can be set, and an example for it."""
    usual: _ValuePath = ("storage-a", "count")
    path = path + usual[len(path) :]
    field = str(path[1])
    if field == _GROUP_LIST_FIELD:
        path = (*path[:2], *(path[2:] or (0,)))
    return path, str((_node_group_fields()[field].examples or [])[0])
