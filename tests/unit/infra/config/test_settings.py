"""Settings: what is refused, and how the refusal is worded."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.config.node_groups import DEFAULT_GROUP_NAMES, NodeGroupChange
from infra.config.problems import SettingsError
from infra.config.settings import SETTING_FIELDS, Settings, parse_settings
from infra.naming import CONFIG_NAMESPACE, LOCAL_STACK
from infra.network.subnets import plan_subnets
from infra.schedules.schedule import Calendar

if TYPE_CHECKING:
    from infra.config.problems import SettingProblem

PROJECT = Path(__file__).parents[4]
DECLARED: dict[str, dict[str, Any]] = {
    key: declared
    for key, declared in yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"].items()
    if key.startswith(f"{CONFIG_NAMESPACE}:")
}


def as_config(value: Any) -> str:
    """Return a value as the engine hands it to the program."""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


DEFAULTS = {key: as_config(declared["default"]) for key, declared in DECLARED.items()}
STACK = {
    "aws:region": "us-west-2",
    "aws:allowedAccountIds": '["111122223333"]',
    "aws:endpoints": '[{"s3": "https://s3.us-west-2.amazonaws.com"}]',
    "github:owner": "example",
    "github:organization": "example",
    "github:baseUrl": "https://api.github.com/",
}
PINS = {"aws:allowedAccountIds", "aws:endpoints", "github:organization", "github:baseUrl"}
"""What has tests of its own: test_pins.py."""


def read(*, stack: str = "prod", secret: tuple[str, ...] = (), without: str = "", **changed: Any) -> Settings:
    """Read settings of which some are changed, `vpcCidr="…"`; `aws__region` stands for `aws:region`."""
    changes = {
        (key.replace("__", ":") if "__" in key else f"{CONFIG_NAMESPACE}:{key}"): as_config(value)
        for key, value in changed.items()
    }
    config = {**DEFAULTS, **STACK, **changes}
    config["aws:endpoints"] = as_config([{"s3": f"https://s3.{config['aws:region']}.amazonaws.com"}])
    config.pop(without, None)
    return parse_settings(config, stack=stack, secret_keys=[f"{CONFIG_NAMESPACE}:{key}" for key in secret])


def problems(**changed: Any) -> tuple[SettingProblem, ...]:
    """Return what is wrong with changed settings."""
    with pytest.raises(SettingsError) as raised:
        read(**changed)
    return raised.value.problems


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A bad setting.

    Attributes:
        setting: Its key, without this project's namespace; `__` stands for the colon of another one.
        value: What it is set to.
        allowed: Words of what is allowed.
        at: The key that is named, where it is not the setting's.
        shown: The value that is named, where it is not the value.
        repair: The command that repairs it, where it is not `pulumi config set KEY EXAMPLE`.
    """

    setting: str
    value: Any
    allowed: str
    at: str = ""
    shown: str | None = ""
    repair: str = ""

    @property
    def key(self) -> str:
        return self.at or (
            self.setting.replace("__", ":") if "__" in self.setting else f"{CONFIG_NAMESPACE}:{self.setting}"
        )


def entry(setting: str, value: object, allowed: str, *, repair: str = "") -> Bad:
    """Return a list with one bad entry."""
    at = f"{CONFIG_NAMESPACE}:{setting}[0]"
    return Bad(
        setting=setting,
        value=[value],
        allowed=allowed,
        at=at,
        shown=str(value),
        repair=repair or f"pulumi config set --path '{at}'",
    )


def group(path: str, value: object, allowed: str, *, shown: str = "", repair: str = "") -> Bad:
    """Return node groups of which one value is bad: `storage-a.count`."""
    at = f"{CONFIG_NAMESPACE}:nodeGroups.{path}"
    nested: Any = value
    for part in reversed(path.replace("[0]", ".0").split(".")):
        nested = [nested] if part == "0" else {part: nested}
    return Bad(
        setting="nodeGroups",
        value=nested,
        allowed=allowed,
        at=at,
        shown=shown or str(value),
        repair=repair or f"pulumi config set --path '{at}'",
    )


def removal(path: str) -> str:
    return f"pulumi config rm --path '{CONFIG_NAMESPACE}:nodeGroups.{path}'"


NEW = {"role": "client", "count": 1}
NODES = "a whole number of nodes from 0 to 500"
GROUP_NAME = "1 to 24 of a-z 0-9 and single -"
LOCAL_DISKS = "a storage node needs at least 1800 GB"
VPC = "private IPv4 network (RFC 1918) of /16 to /20"
ADMIN = "no wider than /16 (IPv6: /32)"
ZONE = "availability zone of the region"
AMD64 = "x86-64"
GIB = "a whole number of GiB from 30 to 16384"
USD = "a whole number of US dollars from 1 to"
EMAIL = "an e-mail address"
IMAGE = "image of Ubuntu 24.04"
DAYS = "1, 3, 5, 7, 14, 30"
REPOSITORY = "without its owner"
BUCKET = "an existing S3 bucket"
OWNER = "GitHub user or organization"
SECRET_NAME = "upper-case letters, digits and _"
REGION = "an AWS region"
TIME = "a time of the day from 00:00 to 23:59"
DAY = "a day as YYYY-MM-DD"
A_FRIDAY_TO_COME = date(2090, 1, 6)

FLAGS = ("managesRepository", "preventSelfReview", "previewsNeedApproval", "overwriteEditedWorkflows")
SECRETS = ("actionsSecrets", "environmentSecrets", "previewSecrets")

BAD = [
    Bad(setting="vpcCidr", value="10.0.0.0/15", allowed=VPC),
    Bad(setting="vpcCidr", value="10.0.0.0/21", allowed=VPC),
    Bad(setting="vpcCidr", value="10.0.1.0/16", allowed="no bits beyond the prefix length"),
    Bad(setting="vpcCidr", value="8.8.0.0/16", allowed=VPC),
    Bad(setting="vpcCidr", value="172.32.0.0/16", allowed=VPC),
    Bad(setting="vpcCidr", value="100.64.0.0/16", allowed=VPC),
    Bad(setting="vpcCidr", value="fd00::/16", allowed=VPC),
    Bad(setting="vpcCidr", value="10.0.0.0", allowed=VPC),
    Bad(setting="vpcCidr", value="", allowed=VPC),
    entry("adminCidrs", "0.0.0.0/0", ADMIN),
    entry("adminCidrs", "::/0", ADMIN),
    entry("adminCidrs", "0.0.0.0/1", ADMIN),
    entry("adminCidrs", "192.0.0.0/15", ADMIN),
    entry("adminCidrs", "2001:db8::/31", ADMIN),
    entry("adminCidrs", "203.0.113.7/24", "no bits beyond the prefix length"),
    entry("adminCidrs", "office", ADMIN),
    entry("adminCidrs", "224.0.0.0/24", ADMIN),
    entry("adminCidrs", "10.0.3.0/24", "outside the stack's own network"),
    Bad(setting="adminCidrs", value="203.0.113.7/32", allowed="must be a list", repair="pulumi config rm"),
    Bad(
        setting="adminCidrs",
        value=["203.0.113.7/32"] * 2,
        allowed="each of the networks once",
        repair="pulumi config rm",
    ),
    Bad(
        setting="adminCidrs",
        value=[f"203.0.113.{host}/32" for host in range(11)],
        allowed="at most 10 networks",
        repair="pulumi config rm",
    ),
    entry("availabilityZones", "us-east-1a", "zone of the region us-west-2"),
    entry("availabilityZones", "us-west-2", ZONE),
    entry("availabilityZones", "us-west-2-lax-1a", ZONE),
    Bad(
        setting="availabilityZones",
        value=["us-west-2a", "us-west-2b"],
        allowed="must be 3 zones, or none",
        shown="us-west-2a, us-west-2b",
        repair=f"pulumi config rm {CONFIG_NAMESPACE}:availabilityZones",
    ),
    Bad(
        setting="availabilityZones",
        value=["us-west-2a", "us-west-2a", "us-west-2b"],
        allowed="each of the zones once",
        repair="pulumi config rm",
    ),
    entry("siteAZones", "us-west-2d", "us-west-2a, us-west-2b, us-west-2c"),
    entry("siteBZones", "eu-west-1a", "us-west-2a, us-west-2b, us-west-2c"),
    Bad(
        setting="siteBZones",
        value=["us-west-2a", "us-west-2b", "us-west-2c"],
        allowed="each site needs a zone; site A has none",
        shown="us-west-2a, us-west-2b, us-west-2c",
        repair=f"pulumi config rm {CONFIG_NAMESPACE}:siteAZones",
    ),
    *(
        entry("agentTokens", value, "must be a model with its millions of tokens per day")
        for value in (
            "meta.llama3,input=1",
            "us.anthropic.claude-haiku-4-5",
            "us.anthropic.claude-haiku-4-5,input=-1",
            "us.anthropic.claude-haiku-4-5,thought=1",
            "us.anthropic.claude-haiku-4-5,input=1,input=2",
        )
    ),
    Bad(setting="egress", value="internet", allowed="one of nat, public-ip"),
    Bad(setting="egress", value="NAT", allowed="one of nat, public-ip"),
    Bad(setting="orchestratorInstanceType", value="c7g.2xlarge", allowed=AMD64),
    Bad(setting="orchestratorInstanceType", value="im4gn.large", allowed=AMD64),
    Bad(setting="orchestratorInstanceType", value="a1.large", allowed=AMD64),
    Bad(setting="orchestratorInstanceType", value="mac1.metal", allowed=AMD64),
    Bad(setting="orchestratorInstanceType", value="c7a", allowed=AMD64),
    Bad(setting="orchestratorInstanceType", value="c7a.huge", allowed=AMD64),
    Bad(setting="orchestratorInstanceType", value="C7a.2xlarge", allowed=AMD64),
    Bad(setting="orchestratorDiskGib", value="29", allowed=GIB),
    Bad(setting="orchestratorDiskGib", value="16385", allowed=GIB),
    Bad(setting="orchestratorDiskGib", value="100GB", allowed=GIB),
    Bad(setting="orchestratorDiskGib", value="99.5", allowed=GIB),
    Bad(setting="orchestratorDiskGib", value="1_00", allowed=GIB),
    Bad(setting="orchestratorImageParameter", value="ami-12345678", allowed=IMAGE),
    Bad(
        setting="orchestratorImageParameter",
        value="/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        allowed=IMAGE,
    ),
    Bad(
        setting="nodeImageParameter",
        value="/aws/service/canonical/ubuntu/server-minimal/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        allowed=IMAGE,
    ),
    Bad(
        setting="orchestratorImageParameter",
        value="/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
        allowed=IMAGE,
    ),
    Bad(setting="orchestratorHours", value="never", allowed="one of always, weekdays"),
    Bad(
        setting="scheduleTimeZone",
        value="US/Pacific",
        allowed="did you mean America/Los_Angeles?",
        repair=f"pulumi config set {CONFIG_NAMESPACE}:scheduleTimeZone America/Los_Angeles",
    ),
    Bad(
        setting="scheduleTimeZone",
        value="Europe/Berln",
        allowed="did you mean Europe/Berlin",
        repair=f"pulumi config set {CONFIG_NAMESPACE}:scheduleTimeZone Europe/Berlin",
    ),
    Bad(
        setting="scheduleTimeZone",
        value="Berlin",
        allowed="did you mean Europe/Berlin?",
        repair=f"pulumi config set {CONFIG_NAMESPACE}:scheduleTimeZone Europe/Berlin",
    ),
    Bad(setting="scheduleTimeZone", value="PST", allowed="such as America/Los_Angeles"),
    Bad(setting="scheduleTimeZone", value="", allowed="name of an IANA time zone"),
    Bad(setting="scheduleTimeZone", value="../etc/passwd", allowed="name of an IANA time zone"),
    Bad(setting="scheduleStart", value="8:00", allowed=TIME),
    Bad(setting="scheduleStart", value="24:00", allowed=TIME),
    Bad(setting="scheduleStart", value="08:00:30", allowed=TIME),
    Bad(setting="scheduleStart", value="8 am", allowed=TIME),
    Bad(setting="scheduleStop", value="18:60", allowed=TIME),
    Bad(
        setting="scheduleStart",
        value="02:30",
        allowed="03:00 occurs once on every day of the next 10 years",
        repair=f"pulumi config set {CONFIG_NAMESPACE}:scheduleStart 03:00",
    ),
    Bad(
        setting="scheduleStop",
        value="01:10",
        allowed="00:45 occurs once on every day of the next 10 years",
        repair=f"pulumi config set {CONFIG_NAMESPACE}:scheduleStop 00:45",
    ),
    Bad(
        setting="scheduleStop",
        value="08:00",
        allowed="must differ from scheduleStart",
        repair=f"pulumi config set {CONFIG_NAMESPACE}:scheduleStop 18:00",
    ),
    entry("holidays", "2026-02-30", "must be an existing date"),
    entry("holidays", "25.12.2026", DAY),
    entry("holidays", "2026-12-5", DAY),
    entry("holidays", "Christmas", DAY),
    Bad(setting="holidays", value="2026-12-25", allowed="must be a list", repair="pulumi config rm"),
    Bad(
        setting="holidays",
        value=["2026-12-25", "2026-12-25"],
        allowed="each of the days once",
        repair="pulumi config rm",
    ),
    Bad(
        setting="holidays",
        value=[str(A_FRIDAY_TO_COME + timedelta(weeks=number)) for number in range(125)],
        allowed="127 scheduled actions are more than the 125",
        shown="125 days",
        repair=f"pulumi config rm {CONFIG_NAMESPACE}:holidays",
    ),
    entry("extraDays", "soon", DAY),
    entry(
        "extraDays",
        "2026-12-01",
        "nodes start on a Tuesday anyway",
        repair=f"pulumi config rm --path '{CONFIG_NAMESPACE}:extraDays[0]'",
    ),
    Bad(setting="dailyBudgetUsd", value="0", allowed=USD),
    Bad(setting="dailyBudgetUsd", value="-5", allowed=USD),
    Bad(setting="dailyBudgetUsd", value="$100", allowed=USD),
    Bad(setting="monthlyBudgetUsd", value="a lot", allowed=USD),
    Bad(
        setting="monthlyBudgetUsd",
        value="99",
        allowed="no less than the day's budget, 100",
        repair=f"pulumi config set {CONFIG_NAMESPACE}:monthlyBudgetUsd 3000",
    ),
    Bad(
        setting="guardSteps",
        value={"economy": 0},
        allowed="from 1 to 1000",
        at=f"{CONFIG_NAMESPACE}:guardSteps.economy",
        shown="0",
        repair=f"pulumi config set --path '{CONFIG_NAMESPACE}:guardSteps.economy' 70",
    ),
    Bad(
        setting="guardSteps",
        value={"economy": 95},
        allowed="must be more than the step before, economy at 95 percent",
        at=f"{CONFIG_NAMESPACE}:guardSteps.blockLaunches",
        shown="90",
        repair=f"pulumi config set --path '{CONFIG_NAMESPACE}:guardSteps.blockLaunches' 105",
    ),
    Bad(setting="guardSteps", value="5", allowed="must be an object", repair="pulumi config rm"),
    Bad(setting="guardStopsOrchestrator", value="perhaps", allowed="must be true or false"),
    Bad(setting="guardDryRun", value="perhaps", allowed="must be true or false"),
    entry("alertEmails", "nobody", EMAIL),
    entry("alertEmails", "a@b@example.org", EMAIL),
    entry("alertEmails", "a b@example.org", EMAIL),
    Bad(setting="alertEmails", value="a@example.org", allowed="must be a list", repair="pulumi config rm"),
    Bad(
        setting="alertEmails",
        value=[f"user{number}@example.org" for number in range(11)],
        allowed="at most 10 addresses",
        repair="pulumi config rm",
    ),
    Bad(setting="logRetentionDays", value="31", allowed=DAYS),
    Bad(setting="logRetentionDays", value="0", allowed=DAYS),
    Bad(setting="logRetentionDays", value="forever", allowed=DAYS),
    Bad(setting="githubRepository", value="example/claudefs", allowed=REPOSITORY),
    Bad(setting="githubRepository", value="", allowed=REPOSITORY),
    Bad(setting="githubRepository", value="claudefs.git", allowed=REPOSITORY),
    Bad(setting="adoptStateBucket", value="My_Bucket", allowed=BUCKET),
    Bad(setting="adoptStateBucket", value="ab", allowed=BUCKET),
    Bad(setting="adoptStateBucket", value="b" * 64, allowed=BUCKET),
    Bad(setting="adoptStateBucket", value="s3://bucket", allowed=BUCKET),
    Bad(setting="adoptEncryptionKey", value="alias/claudefs-prod", allowed="ID of the KMS key"),
    Bad(setting="clusterSize", value="4", allowed="one of 3, 5, 10"),
    Bad(setting="clusterSize", value="five", allowed="one of 3, 5, 10"),
    Bad(setting="clusterSize", value="05", allowed="one of 3, 5, 10"),
    Bad(setting="nodeGroups", value="5", allowed="must be an object", repair="pulumi config rm"),
    Bad(setting="nodeGroups", value=["storage-a"], allowed="must be an object", repair="pulumi config rm"),
    group("storage-a", 5, "an object of a node group's fields", repair=removal("storage-a")),
    group("storage-a.count", 501, NODES),
    group("storage-a.count", -1, NODES),
    group("storage-a.count", "many", NODES),
    group("storage-a.count", 1.5, NODES),
    group("storage-a.count", True, NODES, shown="True"),  # noqa: FBT003 — a value in a file
    group("storage-a.enabled", "no", "true or false"),
    group("storage-a.enabled", 0, "true or false"),
    group("storage-a.site", "C", "one of A, B"),
    group("storage-a.site", "a", "one of A, B"),
    group("storage-a.rootDiskGib", 9, "a whole number of GiB from 10 to 16384"),
    group("storage-a.onDemandBase", 501, NODES),
    group("storage-a.onDemandPercent", 101, "a whole number of percent from 0 to 100"),
    group("storage-a.onDemandPercent", "half", "a whole number of percent from 0 to 100"),
    group("storage-a.instanceTypes", [], "at least one instance type", repair=removal("storage-a.instanceTypes")),
    group("storage-a.instanceTypes", "i4i.2xlarge", "a list", repair=removal("storage-a.instanceTypes")),
    group(
        "storage-a.instanceTypes",
        ["i4i.2xlarge", "i4i.2xlarge"],
        "each of the instance types once",
        shown="['i4i.2xlarge', 'i4i.2xlarge']",
        repair=removal("storage-a.instanceTypes"),
    ),
    group("storage-a.instanceTypes[0]", "i8g.2xlarge", AMD64),
    group("storage-a.instanceTypes[0]", "i4i.xlarge", f"has 937 GB of local NVMe, and {LOCAL_DISKS}"),
    group("storage-a.instanceTypes[0]", "c7a.xlarge", f"not a known type with local NVMe, and {LOCAL_DISKS}"),
    group("storage-a.instanceTypes[0]", "d3.2xlarge", LOCAL_DISKS),
    group("conduit.instanceTypes[0]", "t4g.medium", AMD64),
    group("storage-a.scheduleStart", "8 am", "a time of the day from 00:00 to 23:59, such as 08:00, or none"),
    group("storage-a.scheduleStop", "none", "a time of the day from 00:00 to 23:59"),
    group("storage-a.scheduleStart", "02:30", "does not exist on"),
    group("storage-a.scheduleStop", "01:30", "occurs twice on"),
    Bad(
        setting="nodeGroups",
        value={"storage-a": {"scheduleStart": "18:00"}},
        allowed="must differ from the group's start",
        at=f"{CONFIG_NAMESPACE}:nodeGroups.storage-a.scheduleStop",
        shown="18:00",
        repair=f"pulumi config set --path '{CONFIG_NAMESPACE}:nodeGroups.storage-a.scheduleStop' 06:00",
    ),
    group(
        "storage-a.role", "client", "the role of the default group storage-a is fixed", repair=removal("storage-a.role")
    ),
    group("storage-a.cuont", 5, "no such field; the fields are count, enabled", repair=removal("storage-a.cuont")),
    group("storage-a.profile", "client", "no such field", repair=removal("storage-a.profile")),
    Bad(
        setting="nodeGroups",
        value={"fio": {"count": 2}},
        allowed="must be set for a new group",
        at=f"{CONFIG_NAMESPACE}:nodeGroups.fio.role",
        shown=None,
        repair=f"pulumi config set --path '{CONFIG_NAMESPACE}:nodeGroups.fio.role' client",
    ),
    Bad(
        setting="nodeGroups",
        value={"fio": {"role": "client"}},
        allowed="must be set for a new group",
        at=f"{CONFIG_NAMESPACE}:nodeGroups.fio.count",
        shown=None,
        repair=f"pulumi config set --path '{CONFIG_NAMESPACE}:nodeGroups.fio.count' 5",
    ),
    Bad(
        setting="nodeGroups",
        value={f"extra-{number}": {"role": "client", "count": 1} for number in range(10, 35)},
        allowed="must be at most 30 with the default ones",
        shown="31 groups",
        repair=f"pulumi config rm --path '{CONFIG_NAMESPACE}:nodeGroups.extra-34'",
    ),
    group("fio.role", "orchestrator", "one of client, conduit, jepsen, storage"),
    *(
        group(name, NEW, GROUP_NAME, shown=name, repair=removal(name))
        for name in ("Storage", "storage_a", "1st", "a--b", "-a", "a-", "a" * 25)
    ),
    Bad(
        setting="nodeImageParameter",
        value="ami-12345678",
        allowed=IMAGE,
    ),
    entry("unprotected", "stateBucket", "one of artifactBucket, encryptionKey, orchestrator"),
    Bad(setting="unprotected", value="orchestrator", allowed="must be a list", repair="pulumi config rm"),
    Bad(
        setting="unprotected",
        value=["orchestrator", "orchestrator"],
        allowed="each of the protected resources once",
        repair="pulumi config rm",
    ),
    Bad(setting="owner", value="", allowed="1 to 256 letters"),
    Bad(setting="owner", value="o" * 257, allowed="1 to 256 letters"),
    Bad(setting="owner", value="team;drop", allowed="1 to 256 letters"),
    Bad(setting="costCenter", value="a\nb", allowed="at most 256 letters"),
    Bad(setting="aws__region", value="us-west2", allowed=REGION),
    Bad(setting="aws__region", value="us-west-2a", allowed=REGION),
    Bad(setting="aws__region", value="Oregon", allowed=REGION),
    Bad(setting="aws__region", value="cn-north-1", allowed=REGION),
    Bad(setting="aws__region", value="us-gov-west-1", allowed=REGION),
    Bad(setting="github__owner", value="-me", allowed=OWNER),
    Bad(setting="github__owner", value="me/claudefs", allowed=OWNER),
    Bad(setting="github__owner", value="", allowed=OWNER),
    *(Bad(setting=setting, value="yes", allowed="true or false") for setting in FLAGS),
    entry("reviewerUsers", "me@example.org", "a GitHub user's login"),
    entry("reviewerTeams", "organization/Team", "a team's slug"),
    Bad(
        setting="reviewerUsers",
        value=[f"user-{number}" for number in range(7)],
        allowed="at most 6 users and teams in total",
        shown=", ".join(f"user-{number}" for number in range(7)),
        repair=f"pulumi config rm {CONFIG_NAMESPACE}:reviewerUsers",
    ),
    Bad(setting="preventSelfReview", value="true", allowed="needs reviewerUsers or reviewerTeams"),
    Bad(setting="previewsNeedApproval", value="true", allowed="needs reviewerUsers or reviewerTeams"),
    Bad(setting="deploymentWaitMinutes", value="43201", allowed="a whole number of minutes from 0 to 43200"),
    entry("deploymentBranches", "a b", "a branch name or pattern"),
    Bad(setting="workflowDelivery", value="push", allowed="one of commit, pull-request"),
    entry("previewEnvironments", "Staging", "a GitHub environment"),
    Bad(setting="githubOidcProvider", value="yes", allowed="one of create, existing"),
    Bad(setting="githubSubject", value="repo:example/claudefs", allowed="must be repo:OWNER@ID/REPOSITORY@ID"),
    Bad(setting="previewSubject", value="example/claudefs-infra", allowed="must be repo:OWNER/REPOSITORY"),
    Bad(setting="githubSubject", value="repo:other@1/claudefs@2", allowed="must name example/claudefs"),
    Bad(
        setting="ownr",
        value="me",
        allowed="there is no such setting",
        repair=f"pulumi config rm {CONFIG_NAMESPACE}:ownr, and if {CONFIG_NAMESPACE}:owner was meant: "
        "pulumi config set",
    ),
    Bad(setting="sshKeyName", value="me", allowed="there is no such setting", repair="pulumi config rm"),
    Bad(setting="claudefs__owner", value="me", allowed="there is no such setting", repair="pulumi config rm"),
]


def test_at_least_sixty_bad_settings_are_tried() -> None:
    assert len(BAD) >= 60
    tried = {re.split(r"[.\[]", bad.key)[0] for bad in BAD}
    assert tried >= SETTING_FIELDS.keys() - PINS - {"stack", *(f"{CONFIG_NAMESPACE}:{secrets}" for secrets in SECRETS)}


def wrong_parts(bad: Bad) -> list[str]:
    """Return what is wrong with the report of a bad value."""
    found = [each for each in problems(**{bad.setting: bad.value}) if bad.allowed in each.allowed]
    if len(found) != 1:
        return [f"{len(found)} problems"]
    [problem] = found
    shown = str(bad.value) if bad.shown == "" else bad.shown
    told = str(SettingsError(found))
    parts = (bad.key, "is not set" if shown is None else repr(shown), bad.allowed, problem.repair)
    is_right = {
        "key": problem.key == bad.key,
        "value": problem.value == shown,
        "repair": problem.repair.startswith(bad.repair or f"pulumi config set {bad.key} "),
        "text": all(part in told for part in parts),
    }
    return [part for part, right in is_right.items() if not right]


def test_a_bad_setting_is_refused_with_key_value_what_is_allowed_and_repair() -> None:
    assert [(bad, wrong) for bad in BAD if (wrong := wrong_parts(bad))] == []


def test_a_setting_that_is_missing_is_named_with_its_repair() -> None:
    for key in SETTING_FIELDS.keys() - PINS - {"stack"}:
        [problem] = [each for each in problems(without=key) if each.key == key]
        assert (problem.value, problem.allowed) == (None, "must be set"), key
        assert "pulumi config set" in problem.repair, key


@pytest.mark.parametrize("name", ["Prod", "1st", "a_b", "prod-eu", "-a", "a-", "organization/stack", "s" * 21, ""])
def test_a_stack_is_refused_whose_name_fits_no_resource(name: str) -> None:
    [problem] = problems(stack=name)

    assert (problem.key, problem.value, problem.repair) == ("stack", name, "pulumi stack rename prod")


def test_every_wrong_value_of_every_group_is_reported_at_once() -> None:
    found = problems(
        nodeGroups={
            "storage-a": {"count": 501, "instanceTypes": ["i4i.2xlarge", "i4g.large", "c7g.large"], "cuont": 1},
            "storage-b": {"instanceTypes": ["i4i.large"]},
            "fio": {"site": "C"},
            "more": {"role": "client"},
            "Bad": NEW,
        },
        vpcCidr="10.0.0.0/21",
    )

    prefix = f"{CONFIG_NAMESPACE}:nodeGroups"
    assert {problem.key for problem in found} == {
        f"{CONFIG_NAMESPACE}:vpcCidr",
        f"{prefix}.storage-b.instanceTypes[0]",
        f"{prefix}.more.count",
        f"{prefix}.storage-a.count",
        f"{prefix}.storage-a.instanceTypes[1]",
        f"{prefix}.storage-a.instanceTypes[2]",
        f"{prefix}.storage-a.cuont",
        f"{prefix}.fio.site",
        f"{prefix}.Bad",
    }


def test_a_field_that_may_have_been_meant_is_named_with_the_command_that_sets_it() -> None:
    [problem] = problems(nodeGroups={"storage-a": {"instancetype": "i4i.2xlarge"}})

    assert problem.repair.endswith(
        f"and if instanceTypes was meant: pulumi config set "
        f"--path '{CONFIG_NAMESPACE}:nodeGroups.storage-a.instanceTypes[0]' "
        "i4i.2xlarge"
    )


@pytest.mark.parametrize("field", sorted(field.alias or name for name, field in NodeGroupChange.model_fields.items()))
def test_the_value_in_a_repair_of_a_group_is_a_good_one(field: str) -> None:
    wrong: Any = ["?"] if field == "instanceTypes" else "?"
    [problem] = problems(nodeGroups={"fio": {**NEW, field: wrong}})

    path, value = re.fullmatch(r"pulumi config set --path '\S+:nodeGroups\.fio\.(\S+)' (\S+)", problem.repair).groups()  # type: ignore[union-attr]  # a repair of another form fails the test
    right = [value] if path.endswith("[0]") else value
    assert read(nodeGroups={"fio": {**NEW, path.removesuffix("[0]"): right}}).all_node_groups[-1].name in (
        "fio",
        "jepsen",
    )


@pytest.mark.parametrize(
    "vpc, counts, site",
    [
        ("10.0.0.0/20", {"storage-b": 252}, "B"),
        ("10.0.0.0/20", {"storage-a": 499}, "A"),
        ("10.0.0.0/18", {f"more-{number}": 300 for number in range(8)}, "A"),
    ],
)
def test_more_nodes_than_a_site_has_addresses_are_refused(vpc: str, counts: dict[str, int], site: str) -> None:
    new = {
        name: {"count": count} if name.startswith("storage") else {**NEW, "count": count}
        for name, count in counts.items()
    }
    [problem] = problems(vpcCidr=vpc, nodeGroups=new)

    assert problem.key == f"{CONFIG_NAMESPACE}:vpcCidr"
    assert f"the subnets of site {site} have" in problem.allowed


def test_500_nodes_have_addresses_in_the_default_network() -> None:
    groups = {name: {"count": 500} for name in ("storage-a", "storage-b")}
    assert [group.count for group in read(nodeGroups=groups).all_node_groups[:2]] == [500, 500]


def test_all_that_is_wrong_is_reported_at_once_rules_between_settings_too() -> None:
    found = problems(
        stack="Prod",
        aws__region="Oregon",
        vpcCidr="8.8.0.0/16",
        ownr="me",
        adminCidrs=["0.0.0.0/0", "203.0.113.7/32", "::/0"],
        dailyBudgetUsd="200",
        monthlyBudgetUsd="100",
    )

    assert {problem.key for problem in found} == {
        "stack",
        "aws:region",
        f"{CONFIG_NAMESPACE}:vpcCidr",
        f"{CONFIG_NAMESPACE}:ownr",
        f"{CONFIG_NAMESPACE}:adminCidrs[0]",
        f"{CONFIG_NAMESPACE}:adminCidrs[2]",
        f"{CONFIG_NAMESPACE}:monthlyBudgetUsd",
    }
    assert str(SettingsError(found)).startswith("7 settings are wrong; nothing was deployed.")


@pytest.mark.parametrize("setting", SECRETS)
def test_a_secret_in_plain_text_is_refused_and_not_shown(setting: str) -> None:
    [problem] = problems(**{setting: {"TOKEN": "marker"}}, managesRepository="true")

    assert problem.allowed == "a secret must be stored encrypted"
    assert "--secret" in problem.repair
    assert "marker" not in str(problem)


@pytest.mark.parametrize("name", ["lower", "GITHUB_TOKEN", "1ST", "A-B", ""])
def test_a_secret_of_a_bad_name_is_refused_without_its_value(name: str) -> None:
    [problem] = problems(actionsSecrets={name: "marker"}, secret=("actionsSecrets",))

    assert SECRET_NAME in problem.allowed
    assert problem.repair == f"pulumi config rm --path '{CONFIG_NAMESPACE}:actionsSecrets.{name}'"
    assert "marker" not in str(problem)


@pytest.mark.parametrize(
    "changed", [{"actionSecrets": "marker"}, {"actionsSecrets": "marker"}, {"actionsSecrets": ["marker"]}]
)
def test_a_secret_is_never_shown_however_wrong_it_is(changed: dict[str, Any]) -> None:
    found = problems(**changed, secret=("actionsSecrets",))

    assert found
    assert "marker" not in str(SettingsError(found))


def test_the_repositorys_secrets_belong_to_the_stack_that_manages_it() -> None:
    [problem] = problems(actionsSecrets={"TOKEN": "marker"}, secret=("actionsSecrets",))

    assert "belong to the stack that manages the repository" in problem.allowed
    assert problem.repair == f"pulumi config rm {CONFIG_NAMESPACE}:actionsSecrets"
    assert "marker" not in str(problem)


@pytest.mark.parametrize("stack, environment", [("prod", "production"), ("staging", "staging"), ("local", "local")])
def test_each_stack_deploys_in_an_environment_of_its_own(stack: str, environment: str) -> None:
    assert read(stack=stack).github_environment == environment


def test_a_value_that_is_stored_encrypted_is_never_shown() -> None:
    [problem] = problems(owner="marker;", secret=("owner",))

    assert problem.value == "[secret]"


def test_a_secret_can_be_read_and_its_value_is_not_in_the_settings_text() -> None:
    stack = read(actionsSecrets={"TOKEN": "marker"}, managesRepository="true", secret=("actionsSecrets",))

    assert stack.actions_secrets["TOKEN"].get_secret_value() == "marker"
    assert "marker" not in repr(stack)


def test_digits_that_pulumi_writes_as_a_number_are_text() -> None:
    settings = read(reviewerUsers=[583231], deploymentBranches=[2026], owner=7)
    assert (settings.reviewer_users, settings.deployment_branches, settings.owner) == (["583231"], ["2026"], "7")


def test_providers_and_pulumi_check_their_own_settings() -> None:
    assert read(aws__s3UsePathStyle="true", github__writeDelayMs="1", pulumi__tags="{}").environment == "prod"


_TYPES = ("string", "integer", "boolean", "list", "object", "secret")


def test_the_project_declares_exactly_the_settings_each_with_its_type_and_a_good_default() -> None:
    own = {key for key in SETTING_FIELDS if key.startswith(f"{CONFIG_NAMESPACE}:")}
    assert own - DECLARED.keys() == set(), "declare each in Pulumi.yaml, with its default"
    assert DECLARED.keys() - own == set(), "add a field for each to Settings in infra/config/settings.py"
    for key, declared in DECLARED.items():
        assert declared["description"].split(":")[0].split(" ")[0] in _TYPES, key
        assert "type" not in declared, key
    assert read().stack_tags.environment == "prod"


def test_every_setting_is_used() -> None:
    rules = {"rules.py", "pins.py"}
    files = [PROJECT / "__main__.py", *PROJECT.glob("infra/**/*.py"), *PROJECT.glob("cfs/**/*.py")]
    code = "\n".join(path.read_text() for path in files if path.name not in rules)
    own = [name for name, field in Settings.model_fields.items() if not (field.alias or "").startswith(("aws:", "git"))]

    assert len(own) >= 40
    unused = [name for name in own if not re.search(rf"\.{name}\b", code)]
    assert unused == [], (
        "hand it to a component in __main__.py, or a module that declares its part, such as infra/cost_guard.py"
    )


def test_the_value_in_a_repair_is_a_good_one() -> None:
    tried = 0
    for key in SETTING_FIELDS.keys() - PINS - {"stack"}:
        if key.endswith((*SECRETS, ":availabilityZones", ":githubSubject", ":guardSteps", ":nodeGroups")):
            # A secret is asked for, one zone is not yet three, the subject names the stack's repository, and the values
            # of groups are tried by themselves.
            continue
        example = (SETTING_FIELDS[key].examples or [])[0]
        value = as_config([example]) if DEFAULTS.get(key, "").startswith("[") else example
        config = {**DEFAULTS, **STACK, key: value}
        pinned = {"github:organization": config["github:owner"]}
        assert isinstance(parse_settings({**config, **pinned}, stack="prod", secret_keys=[]), Settings)
        tried += 1
    assert tried > 30


def test_every_stack_of_the_project_is_found() -> None:
    assert {path.name for path in PROJECT.glob("Pulumi.*.yaml")} == {
        "Pulumi.local.yaml",
        "Pulumi.prod.yaml",
        "Pulumi.staging.yaml",
    }


@pytest.mark.parametrize("stack", sorted(PROJECT.glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_stack_of_the_project_has_good_settings_and_only_what_differs(stack: Path) -> None:
    config = yaml.safe_load(stack.read_text())["config"]
    config.pop(f"{CONFIG_NAMESPACE}:actionsSecrets", None)  # encrypted
    given = {key: as_config(value) for key, value in config.items()}

    name = stack.name.split(".")[1]
    account = {} if name == LOCAL_STACK else {"aws:allowedAccountIds": STACK["aws:allowedAccountIds"]}
    assert parse_settings({**DEFAULTS, **given, **account}, stack=name, secret_keys=[]).environment == name
    assert not [key for key, value in given.items() if DEFAULTS.get(key) == value]


@pytest.mark.parametrize(
    "changed, site_a, site_b",
    [
        ({}, ("us-west-2a", "us-west-2c"), ("us-west-2b",)),
        ({"siteBZones": ["us-west-2a"]}, ("us-west-2b", "us-west-2c"), ("us-west-2a",)),
        ({"siteAZones": ["us-west-2c"]}, ("us-west-2c",), ("us-west-2a", "us-west-2b")),
        (
            {"availabilityZones": ["us-west-2d", "us-west-2b", "us-west-2a"]},
            ("us-west-2d", "us-west-2a"),
            ("us-west-2b",),
        ),
        ({"aws__region": "eu-west-1"}, ("eu-west-1a", "eu-west-1c"), ("eu-west-1b",)),
        ({"aws__region": "ca-central-1"}, ("ca-central-1a", "ca-central-1d"), ("ca-central-1b",)),
        ({"aws__region": "ap-northeast-1"}, ("ap-northeast-1a", "ap-northeast-1d"), ("ap-northeast-1c",)),
    ],
)
def test_sites_are_in_different_zones(
    changed: dict[str, Any], site_a: tuple[str, ...], site_b: tuple[str, ...]
) -> None:
    assert read(**changed).zones_by_site == {"A": site_a, "B": site_b}


@given(prefix=st.integers(16, 20), place=st.integers(0, 15))
def test_subnets_of_any_network_that_is_allowed_lie_in_it_and_apart(prefix: int, place: int) -> None:
    network = IPv4Network(f"10.{place}.0.0/{prefix}")
    stack = read(vpcCidr=network)

    subnets = [
        subnet
        for plan in plan_subnets(network, zones=stack.network_zones, sites=stack.zones_by_site)
        for subnet in (plan.private, plan.public)
    ]
    assert len(subnets) == 6
    assert all(subnet.subnet_of(network) for subnet in subnets)
    assert not any(one.overlaps(other) for one in subnets for other in subnets if one is not other)


@given(key=st.sampled_from(sorted(SETTING_FIELDS)), text=st.text(max_size=40))
def test_no_text_makes_reading_fail_in_any_other_way(key: str, text: str) -> None:
    with contextlib.suppress(SettingsError):
        parse_settings({**DEFAULTS, **STACK, key: text}, stack="prod", secret_keys=[key])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELD_NAMES = st.sampled_from([field.alias or name for name, field in NodeGroupChange.model_fields.items()])


@given(
    groups=JSON
    | st.dictionaries(
        st.sampled_from([*DEFAULT_GROUP_NAMES, "fio", "Bad"]),
        JSON | st.dictionaries(FIELD_NAMES | st.text(max_size=5), JSON),
    )
)
def test_no_value_of_node_groups_makes_reading_fail_in_any_other_way(groups: object) -> None:
    with contextlib.suppress(SettingsError):
        read(nodeGroups=groups)


@given(
    counts=st.dictionaries(st.sampled_from(DEFAULT_GROUP_NAMES), st.integers(0, 500)), size=st.sampled_from([3, 5, 10])
)
def test_any_sizes_keep_the_groups_that_there_are(counts: dict[str, int], size: int) -> None:
    groups = read(
        clusterSize=size, nodeGroups={name: {"count": count} for name, count in counts.items()}
    ).all_node_groups

    assert tuple(group.name for group in groups) == DEFAULT_GROUP_NAMES
    assert {group.name: group.count for group in groups if group.name in counts} == counts
    assert all(group.count <= group.max_nodes <= group.count + 1 for group in groups)


@given(network=st.ip_addresses(v=4), prefix=st.integers(0, 15))
def test_no_wide_network_of_administrators_is_let_in(network: object, prefix: int) -> None:
    wide = ip_network(f"{network}/{prefix}", strict=False)
    [problem] = problems(adminCidrs=[str(wide)])

    assert ADMIN in problem.allowed


def test_hours_of_the_orchestrator_would_cost_it_its_public_address() -> None:
    [problem] = problems(orchestratorHours="weekdays", egress="public-ip")

    assert problem.key == f"{CONFIG_NAMESPACE}:orchestratorHours"
    assert "replace the instance" in problem.allowed
    assert problem.repair == f"pulumi config set {CONFIG_NAMESPACE}:orchestratorHours always"


def test_the_calendar_is_what_the_settings_say() -> None:
    calendar = read(
        scheduleTimeZone="Europe/Berlin",
        scheduleStart="20:00",
        scheduleStop="04:30",
        # A date without quotes in a YAML file comes as its midnight.
        holidays=["2026-12-25", "2026-12-24T00:00:00Z"],
        extraDays=["2026-12-25", "2026-12-27"],
    ).node_calendar

    assert calendar == Calendar(
        time_zone="Europe/Berlin",
        start=time(20),
        stop=time(4, 30),
        holidays=frozenset({date(2026, 12, 24), date(2026, 12, 25)}),
        extra_days=frozenset({date(2026, 12, 25), date(2026, 12, 27)}),
    )
