"""User data fits EC2, holds no secret, and its programs do what they say: they run here against stand-ins."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from infra.boot import orchestrator
from infra.boot.orchestrator import ORCHESTRATOR_FILES, OrchestratorMachine
from infra.boot.userdata import BOOT_FOLDER, USER_DATA_LIMIT_BYTES, BootFile

if TYPE_CHECKING:
    from tests.unit.infra.conftest import MakeRoot, Root

MACHINE = OrchestratorMachine(
    environment="test", region="us-west-2", log_group="/cfs/test/orchestrator", repository="owner/claudefs"
)
ORCHESTRATOR = BOOT_FOLDER / "orchestrator"
TOKEN = "marker-of-a-token"


@cache
def config() -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(orchestrator.orchestrator_cloud_config(MACHINE)))


def written() -> dict[str, str]:
    return {of["path"]: of["content"] for of in config()["write_files"]}


def unit(name: str) -> str:
    return written()[f"/etc/systemd/system/{name}"]


def test_user_data_is_a_cloud_config_within_ec2s_limit() -> None:
    data = base64.b64decode(orchestrator.orchestrator_user_data(MACHINE))
    assert len(data) <= USER_DATA_LIMIT_BYTES
    assert gzip.decompress(data).startswith(b"#cloud-config\n")


def test_every_file_is_on_the_machine_and_each_has_its_place() -> None:
    sources = {placed.source for placed in ORCHESTRATOR_FILES} | {orchestrator.ORCHESTRATOR_CLOUD_CONFIG}
    folders = (ORCHESTRATOR, BOOT_FOLDER / "shared")
    assert sources == {str(path.relative_to(BOOT_FOLDER)) for folder in folders for path in folder.iterdir()}
    assert len({placed.path for placed in ORCHESTRATOR_FILES}) == len(ORCHESTRATOR_FILES)


def test_programs_are_executable_and_nothing_else_is() -> None:
    for of in config()["write_files"]:
        assert of["permissions"] == ("0755" if of["path"].startswith("/usr/local/libexec/") else "0644")
        assert set(of) == {"path", "permissions", "content"}


def test_no_placeholder_is_left() -> None:
    assert not re.findall(r"@[A-Z_]+@", orchestrator.orchestrator_cloud_config(MACHINE))


def test_the_agents_user_is_the_only_one_and_becomes_root_by_no_way() -> None:
    assert config()["users"] == [{"name": "cfs", "gecos": "ClaudeFS agents", "shell": "/bin/bash", "lock_passwd": True}]
    assert (config()["ssh_pwauth"], config()["disable_root"]) == (False, True)


def test_cloud_init_starts_one_unit_which_repeats_a_failed_boot_until_it_succeeds() -> None:
    assert config()["runcmd"] == [["systemctl", "enable", "--now", "cfs-boot.service"]]
    assert {
        "ConditionPathExists=!/var/lib/cfs/boot-complete",
        "ExecStart=/usr/local/libexec/cfs/prepare",
        "Restart=on-failure",
        "StartLimitIntervalSec=0",
        "StandardError=journal+console",
        "WantedBy=multi-user.target",
    } <= set(unit("cfs-boot.service").splitlines())
    assert set(config()) == {"users", "ssh_pwauth", "disable_root", "runcmd", "write_files"}


@pytest.mark.parametrize("name, interval", [("cfs-watchdog", "2min"), ("cfs-supervisor", "15min")])
def test_timers_run_the_watchdog_every_2_and_the_supervisor_every_15_minutes(name: str, interval: str) -> None:
    timer = unit(f"{name}.timer").splitlines()
    assert f"OnBootSec={interval}" in timer
    assert f"OnUnitActiveSec={interval}" in timer
    assert "WantedBy=timers.target" in timer


@pytest.mark.parametrize("name", ["cfs-watchdog", "cfs-supervisor"])
def test_services_are_the_agents_users_and_get_fresh_secrets_from_memory(name: str) -> None:
    service = unit(f"{name}.service").splitlines()
    assert {"User=cfs", "Requires=cfs-secrets.service", "After=cfs-secrets.service"} <= set(service)
    assert "EnvironmentFile=/run/cfs/secrets.env" in service
    assert f"/home/cfs/claudefs/tools/{name}.sh" in "\n".join(service)


def test_the_watchdog_gets_the_phase_as_the_argument_that_it_reads() -> None:
    (start,) = [line for line in unit("cfs-watchdog.service").splitlines() if line.startswith("ExecStart=")]
    assert start.endswith("/tools/cfs-watchdog.sh ${CFS_PHASE}")
    assert "CFS_PHASE=3\n" in written()["/etc/cfs/agents.env"]


def test_agents_outlive_the_watchdog_that_started_them() -> None:
    assert "KillMode=process" in unit("cfs-watchdog.service").splitlines()


def test_a_supervisor_that_hangs_ends_before_the_next_one() -> None:
    assert "TimeoutStartSec=14min" in unit("cfs-supervisor.service").splitlines()


def test_secrets_are_in_memory_for_their_user_alone() -> None:
    service = unit("cfs-secrets.service").splitlines()
    assert {"User=cfs", "RuntimeDirectory=cfs", "RuntimeDirectoryMode=0700"} <= set(service)


def test_logs_are_shipped_to_the_stacks_group_and_metrics_to_a_granted_namespace() -> None:
    agent = json.loads(written()["/etc/cfs/cloudwatch-agent.json"])
    files = agent["logs"]["logs_collected"]["files"]["collect_list"]
    assert [of["file_path"] for of in files] == [
        "/var/log/cfs-agents/*.log",
        "/var/log/cfs-bootstrap.log",
        "/var/log/cloud-init-output.log",
    ]
    assert {of["log_group_name"] for of in files} == {"/cfs/test/orchestrator"}
    assert files[0]["publish_multi_logs"] is True
    assert agent["metrics"]["namespace"].startswith("CFS/")


def test_the_workspaces_system_packages_are_installed() -> None:
    packages = set(written()["/etc/cfs/packages.txt"].split())
    assert {"libfuse3-dev", "protobuf-compiler", "cmake", "libssl-dev", "pkg-config", "rustup", "gh"} <= packages
    assert "awscli" not in packages


def test_every_version_is_pinned() -> None:
    versions = dict(line.split("=") for line in written()["/etc/cfs/versions.env"].splitlines() if "#" not in line)
    assert versions["RUST"] == "1.95.0"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    used = set(re.findall(r"@\$(\w+)|install \"\$(\w+)\"", (ORCHESTRATOR / "toolchain.sh").read_text()))
    assert {first or second for first, second in used} == set(versions)


GPG = """
case "$*" in *--verify*) echo "[GNUPG:] VALIDSIG ${SIGNED_BY:-937616F3450B7D806CBD9725D58167303B789C72} 2026" ;; esac
"""
AWS = """
case "$*" in
  *cfs/github-token*) echo '{"GITHUB_TOKEN": "marker-of-a-token"}' ;;
  *cfs/fireworks-api-key*) echo '{"FIREWORKS_API_KEY": "marker-of-a-key"}' ;;
esac
"""


@pytest.fixture
def root(make_root: MakeRoot) -> Root:
    root = make_root(config()["write_files"])
    for name in ("snap", "apt-get", "curl", "dpkg", "systemctl", "runuser", "chown", "cargo", "rustup", "npm", "git"):
        root.stand_in(name)
    root.stand_in("gpg", GPG)
    root.stand_in("aws", AWS)
    root.stand_in("amazon-cloudwatch-agent-ctl", folder="opt/aws/amazon-cloudwatch-agent/bin")
    return root


def test_a_boot_that_succeeds_leaves_its_marker_and_says_so(root: Root) -> None:
    ended = root.run("prepare")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert root.exists("var/lib/cfs/boot-complete")
    assert not root.exists("var/lib/cfs/boot-failed")
    assert "--metric-name BootFailed --value 0 --dimensions Environment=test" in root.calls


def test_steps_come_in_the_order_in_which_they_need_each_other(root: Root) -> None:
    root.run("prepare")
    order = [
        "snap install --classic aws-cli",
        "apt-get",
        "/agent.deb",
        "systemctl start cfs-secrets.service",
        "runuser --user cfs",
        "systemctl enable --now cfs-watchdog.timer cfs-supervisor.timer",
        "aws cloudwatch put-metric-data",
    ]
    places = [root.calls.index(call) for call in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "program, step",
    [
        ("snap", "aws_cli"),
        ("apt-get", "packages"),
        ("curl", "cloudwatch_agent"),
        ("dpkg", "cloudwatch_agent"),
        ("systemctl", "secrets"),
        ("runuser", "toolchain"),
    ],
)
def test_a_step_that_fails_ends_the_boot_and_is_named(root: Root, program: str, step: str) -> None:
    root.stand_in(program, "exit 3")
    ended = root.run("prepare")
    assert ended.returncode == 3
    assert f"boot failed in step '{step}' with status 3" in ended.stderr
    assert root.read("var/lib/cfs/boot-failed") == f"{step}\n"
    assert not root.exists("var/lib/cfs/boot-complete")
    assert "--metric-name BootFailed --value 1" in root.calls
    assert "systemctl enable" not in root.calls


def test_what_the_network_refuses_at_first_is_repeated(root: Root) -> None:
    root.refuse_twice("snap", '"install --classic node"*')
    root.refuse_twice("runuser", "*toolchain")
    assert root.run("prepare", variables={"CFS_RETRY_SECONDS": "60"}).returncode == 0
    assert min(root.attempts(program, 0) for program in ("snap", "runuser")) >= 3


def test_an_agent_that_another_key_has_signed_is_not_installed(root: Root) -> None:
    root.stand_in("gpg", GPG.replace("937616F3", "00000000"))
    assert root.run("prepare").returncode != 0
    assert "install --yes --no-install-recommends /" not in root.calls
    assert root.read("var/lib/cfs/boot-failed") == "cloudwatch_agent\n"


def test_a_failure_is_kept_even_where_it_cannot_be_reported(root: Root) -> None:
    root.stand_in("aws", "exit 1")
    root.stand_in("apt-get", "exit 100")
    assert root.run("prepare").returncode == 100
    assert "BootFailed=1 could not be reported" in root.read("var/log/cfs-bootstrap.log")


def test_a_repaired_boot_can_be_run_again(root: Root) -> None:
    root.stand_in("apt-get", "exit 100")
    root.run("prepare")
    root.stand_in("apt-get")
    assert root.run("prepare").returncode == 0
    assert not root.exists("var/lib/cfs/boot-failed")


def test_the_toolchain_is_the_pinned_one_and_the_repository_is_cloned_without_a_token(root: Root) -> None:
    assert root.run("toolchain").returncode == 0
    assert "rustup toolchain install 1.95.0 --profile minimal --component clippy --component rustfmt" in root.calls
    assert re.search(r"cargo install --locked cargo-audit@\d\S+ cargo-deny@\d\S+ cargo-nextest@\d", root.calls)
    assert f"git clone https://github.com/owner/claudefs.git {root.path}/home/cfs/claudefs" in root.calls


def test_a_repository_that_is_there_is_left_alone(root: Root) -> None:
    (root.path / "home/cfs/claudefs/.git").mkdir(parents=True)
    root.run("toolchain")
    assert "git clone" not in root.calls


def test_secrets_are_read_into_a_file_of_their_user_and_into_no_argument(root: Root) -> None:
    ended = root.run("fetch-secrets")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert root.read("run/cfs/secrets.env") == f"GITHUB_TOKEN={TOKEN}\nFIREWORKS_API_KEY=marker-of-a-key\n"
    assert (root.path / "run/cfs/secrets.env").stat().st_mode & 0o777 == 0o600
    assert "marker" not in root.calls


@pytest.mark.parametrize(
    "answer, complaint",
    [
        ("exit 254", "secret cfs/github-token has no readable key GITHUB_TOKEN"),
        ("echo '{}'", "secret cfs/github-token has no readable key GITHUB_TOKEN"),
        ("echo 'no JSON'", "secret cfs/github-token has no readable key GITHUB_TOKEN"),
        ("""echo '{"GITHUB_TOKEN": "marker $(reboot)"}'""", "has characters that no token has"),
    ],
)
def test_a_secret_that_cannot_be_had_is_named_and_the_old_file_stays(root: Root, answer: str, complaint: str) -> None:
    root.run("fetch-secrets")
    root.stand_in("aws", answer)
    ended = root.run("fetch-secrets")
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert "marker" not in ended.stderr
    assert TOKEN in root.read("run/cfs/secrets.env")
    assert not root.exists("run/cfs/secrets.env.new")


def test_git_gets_the_token_for_github_over_https(root: Root) -> None:
    root.run("fetch-secrets")
    answer = root.run("git-credential", "get", stdin="protocol=https\nhost=github.com\n\n")
    assert answer.stdout == f"username=x-access-token\npassword={TOKEN}\n"


@pytest.mark.parametrize(
    "operation, question",
    [
        ("get", "protocol=https\nhost=example.org\n\n"),
        ("get", "protocol=http\nhost=github.com\n\n"),
        ("get", "protocol=https\nhost=github.com.example.org\n\n"),
        ("get", ""),
        ("store", f"protocol=https\nhost=github.com\npassword={TOKEN}\n\n"),
        ("erase", "protocol=https\nhost=github.com\n\n"),
    ],
)
def test_git_gets_no_token_for_anything_else(root: Root, operation: str, question: str) -> None:
    root.run("fetch-secrets")
    answer = root.run("git-credential", operation, stdin=question)
    assert (answer.returncode, answer.stdout) == (0, "")


MODE_AWS = """
case "$*" in *"--name claudefs-test-agents-mode "*) cat "$CFS_ROOT/mode" ;; *) exit 1 ;; esac
"""
FLAG, SETTINGS = "tmp/cfs-bedrock-budget-exceeded", "etc/claude-code/managed-settings.json"
AGENT_TIMERS = "cfs-watchdog.timer cfs-supervisor.timer"


@pytest.fixture
def agents_root(root: Root) -> Root:
    root.stand_in("aws", MODE_AWS)
    root.stand_in("runuser", 'shift 3; "$@"')
    root.stand_in("tmux")
    for folder in ("tmp", "run"):
        (root.path / folder).mkdir(exist_ok=True)
    return root


def set_mode(root: Root, mode: str) -> str:
    """Runs what the timer runs, and returns the programs that it has called since."""
    before = len(root.calls)
    (root.path / "mode").write_text(f"{mode}\n")
    ended = root.run("agents-mode")
    assert (ended.returncode, ended.stderr) == (0, "")
    return root.calls[before:]


def test_agents_follow_the_mode_both_ways_and_a_mode_that_stays_changes_nothing(agents_root: Root) -> None:
    assert f"systemctl start {AGENT_TIMERS}" in set_mode(agents_root, "economy")
    assert agents_root.exists(FLAG)
    assert json.loads(agents_root.read(SETTINGS))["model"] == "haiku"
    paused = set_mode(agents_root, "paused")
    assert f"systemctl stop {AGENT_TIMERS} cfs-watchdog.service cfs-supervisor.service" in paused
    assert "tmux kill-server" in paused
    assert agents_root.exists(FLAG)
    assert "systemctl" not in set_mode(agents_root, "paused")
    assert f"systemctl start {AGENT_TIMERS}" in set_mode(agents_root, "normal")
    assert not agents_root.exists(FLAG)
    assert not agents_root.exists(SETTINGS)


def test_agents_stay_as_they_are_where_the_mode_is_unknown_or_unreadable(agents_root: Root) -> None:
    set_mode(agents_root, "economy")
    (agents_root.path / "mode").write_text("frugal\n")
    ended = agents_root.run("agents-mode")
    assert ended.returncode == 1
    assert "'frugal', not normal, economy or paused" in ended.stderr
    agents_root.stand_in("aws", "exit 254")
    assert agents_root.run("agents-mode").returncode == 254
    assert agents_root.exists(FLAG)


def test_the_mode_is_read_within_a_minute_of_its_change() -> None:
    assert "OnUnitActiveSec=30s" in unit("cfs-agents-mode.timer").splitlines()
    assert "cfs-agents-mode.timer" in written()["/usr/local/libexec/cfs/prepare"]


@pytest.fixture
def supervised_root(root: Root) -> Root:
    """A machine on which both programs have just written a line."""
    root.stand_in("aws")
    logs = root.path / "var/log/cfs-agents"
    logs.mkdir()
    (logs / "watchdog.log").write_text("A1: session DEAD — relaunching\n")
    (logs / "supervisor.log").write_text("Error fixed by OpenCode\n")
    return root


def reported(root: Root) -> dict[str, int]:
    """Run what the timer runs, and return the metrics that it puts."""
    before = len(root.calls)
    ended = root.run("report-supervision")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert root.calls[before:].startswith("aws cloudwatch put-metric-data --namespace CFS/Orchestrator --metric-data ")
    data = re.findall(r"MetricName=(\w+),Value=(\d+),Dimensions=\[{Name=Environment,Value=test}\]", root.calls[before:])
    assert len(data) == root.calls[before:].count("MetricName=")
    return {name: int(value) for name, value in data}


def append_lines(root: Root, log: str, *lines: str) -> None:
    with (root.path / "var/log/cfs-agents" / log).open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


BEATING = {"WatchdogHeartbeat": 1, "SupervisorHeartbeat": 1}


def test_heartbeats_stop_when_a_log_grows_no_more_unless_the_guard_has_paused_the_agents(supervised_root: Root) -> None:
    assert reported(supervised_root) == BEATING

    for log, minutes in (("watchdog.log", 6), ("supervisor.log", 21)):
        path = supervised_root.path / "var/log/cfs-agents" / log
        os.utime(path, (path.stat().st_mtime - 60 * minutes,) * 2)
    assert reported(supervised_root) == dict.fromkeys(BEATING, 0)

    (supervised_root.path / "run/cfs-agents-mode").write_text("paused\n")
    assert reported(supervised_root) == BEATING


def test_restarts_and_repairs_are_counted_once_even_if_a_call_fails(supervised_root: Root) -> None:
    assert reported(supervised_root) == BEATING

    append_lines(supervised_root, "watchdog.log", "A1: alive and working", "A2: session DEAD — relaunching")
    append_lines(supervised_root, "watchdog.log", "A3: session has errors — killing and relaunching")
    append_lines(
        supervised_root, "supervisor.log", "OpenCode could not fix error, will try again", "Error fixed by OpenCode"
    )
    supervised_root.stand_in("aws", "exit 254")
    assert supervised_root.run("report-supervision").returncode == 254
    supervised_root.stand_in("aws")

    assert reported(supervised_root) == {**BEATING, "AgentRestarts": 2, "BuildRepairs": 1, "FailedRepairs": 1}
    assert reported(supervised_root) == BEATING
    (supervised_root.path / "var/log/cfs-agents/watchdog.log").write_text("A4: session DEAD — relaunching\n")
    assert reported(supervised_root) == {**BEATING, "AgentRestarts": 1}


def test_the_logs_that_heartbeats_are_read_from_are_written_once() -> None:
    # The watchdog writes its log itself, the supervisor's service writes the supervisor's.
    assert "logged watchdog-service " in unit("cfs-watchdog.service")
    assert "logged supervisor " in unit("cfs-supervisor.service")
    assert {"User=cfs", "RuntimeDirectory=cfs-supervision"} <= set(unit("cfs-supervision.service").splitlines())
    assert "cfs-supervision.timer" in written()["/usr/local/libexec/cfs/prepare"]


def test_output_of_a_service_goes_to_its_log(root: Root) -> None:
    (root.path / "var/log/cfs-agents").mkdir()
    assert root.run("logged", "watchdog", "bash", "-c", "echo out; echo err >&2; exit 4").returncode == 4
    assert root.read("var/log/cfs-agents/watchdog.log") == "out\nerr\n"


def test_values_are_frozen_and_keyword_only() -> None:
    for type_ in cast("tuple[Any, ...]", (OrchestratorMachine, BootFile)):
        assert all(field.kw_only for field in fields(type_))
        assert type_.__dataclass_params__.frozen
