"""Nodes boot, find their disks and each other, install releases and drain: their programs run against stand-ins."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import platform
import re
import subprocess
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from infra.boot import nodes
from infra.boot.nodes import BOOT_HOOK, NODE_FILES, SIGNER_WORKFLOW, BootProfile, NodeMachine
from infra.boot.userdata import USER_DATA_LIMIT_BYTES, BootError
from infra.cluster.hook_seconds import BOOT_HOOK_SECONDS
from tests.unit.infra.conftest import place_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infra.tags import Site
    from tests.unit.infra.conftest import MakeRoot, Root

LONGEST_ATTEMPT_SECONDS = 120
"""What a command of a boot step waits at most for a lock or an answer."""

RELEASE_SECONDS, REPORT_SECONDS = 240, 200
"""What the release and the reports after it take at most."""

PROFILES: tuple[BootProfile, ...] = ("storage", "client", "conduit", "jepsen")


def machine(profile: BootProfile, site: Site | None = "A") -> NodeMachine:
    return NodeMachine(
        profile=profile,
        environment="test",
        region="us-west-2",
        site=site,
        node_group=f"{profile}-a",
        log_group="/cfs/test/nodes",
        artifact_bucket="claudefs-test-artifacts",
        repository="owner/claudefs",
    )


@cache
def config(profile: BootProfile, site: Site | None = "A") -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(nodes.node_cloud_config(machine(profile, site))))


def written(profile: BootProfile) -> dict[str, str]:
    return {of["path"]: of["content"] for of in config(profile)["write_files"]}


def unit(profile: BootProfile, name: str) -> list[str]:
    return written(profile)[f"/etc/systemd/system/{name}"].splitlines()


def daemons(profile: BootProfile) -> list[str]:
    return written(profile)["/etc/cfs/units.txt"].split()


@pytest.mark.parametrize("profile", PROFILES)
def test_user_data_is_a_cloud_config_within_ec2s_limit(profile: BootProfile) -> None:
    data = base64.b64decode(nodes.node_user_data(machine(profile)))
    assert len(data) <= USER_DATA_LIMIT_BYTES
    assert gzip.decompress(data).startswith(b"#cloud-config\n")


def test_the_longest_values_fit_too() -> None:
    longest = replace(
        machine("storage"),
        environment="e" * 100,
        node_group="g" * 100,
        log_group="/cfs/" + "l" * 507,
        artifact_bucket="b" * 63,
        repository="o" * 39 + "/" + "r" * 100,
    )
    assert len(base64.b64decode(nodes.node_user_data(longest))) <= USER_DATA_LIMIT_BYTES


def test_a_storage_node_without_a_site_is_refused() -> None:
    with pytest.raises(BootError, match="site: a storage node belongs to site A or B"):
        nodes.node_user_data(machine("storage", site=None))


def test_the_aws_cli_waits_for_the_credentials_of_a_busy_node() -> None:
    variables = written("storage")["/etc/cfs/machine.env"].splitlines()
    assert {"AWS_METADATA_SERVICE_TIMEOUT=5", "AWS_METADATA_SERVICE_NUM_ATTEMPTS=5"} <= set(variables)


def test_other_nodes_need_no_site() -> None:
    assert "CFS_SITE" not in nodes.node_cloud_config(machine("client", site=None)).split("machine.env")[1]


@pytest.mark.parametrize("profile", PROFILES)
def test_programs_are_executable_and_nothing_else_is(profile: BootProfile) -> None:
    for of in config(profile)["write_files"]:
        assert of["permissions"] == ("0755" if of["path"].startswith("/usr/local/libexec/") else "0644")
    assert len({placed.path for placed in NODE_FILES[profile]}) == len(NODE_FILES[profile])


@pytest.mark.parametrize("profile", PROFILES)
def test_no_placeholder_is_left(profile: BootProfile) -> None:
    assert not re.findall(r"@[A-Z_]+@", nodes.node_cloud_config(machine(profile)))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_daemons_user_is_the_only_one_and_opens_no_shell(profile: BootProfile) -> None:
    (user,) = config(profile)["users"]
    assert (user["name"], user["system"], user["shell"], user["lock_passwd"]) == (
        "cfs",
        True,
        "/usr/sbin/nologin",
        True,
    )
    assert "sudo" not in user
    assert (config(profile)["ssh_pwauth"], config(profile)["disable_root"]) == (False, True)
    assert config(profile)["runcmd"] == [["/usr/local/libexec/cfs/prepare"]]


@pytest.mark.parametrize(
    "profile, packages",
    [
        ("storage", {"nvme-cli", "xfsprogs", "fio", "zstd"}),
        ("client", {"fuse3", "nfs-common", "cifs-utils", "smbclient", "fio", "xfsprogs"}),
        ("conduit", {"zstd", "jq"}),
        ("jepsen", {"openjdk-21-jdk-headless", "leiningen", "clojure", "gnuplot-nox"}),
    ],
)
def test_packages_are_those_of_the_profile(profile: BootProfile, packages: set[str]) -> None:
    files = written(profile)
    installed = (files["/etc/cfs/packages.txt"] + files["/etc/cfs/packages-profile.txt"]).split()
    assert packages <= set(installed)
    assert len(installed) == len(set(installed))
    # Names that other releases of Ubuntu have, or that are not packages at all.
    assert not {"awscli", "samba-client", "linux-tools-common", "nfs-kernel-server"} & set(installed)


@pytest.mark.parametrize("profile, name", [("storage", "storage"), ("conduit", "storage"), ("client", "client")])
def test_kernel_settings_have_the_figures_that_claudefs_asks_for(profile: BootProfile, name: str) -> None:
    settings = dict(
        line.split(" = ")
        for line in written(profile)[f"/etc/sysctl.d/99-cfs-{name}.conf"].splitlines()
        if not line.startswith("#")
    )
    expected = {
        "kernel.io_uring_disabled": "0",
        "net.core.rmem_max": "16777216",
        "net.core.wmem_max": "16777216",
        "vm.swappiness": "10",
    }
    assert expected.items() <= settings.items()
    if name == "storage":
        assert {"vm.dirty_ratio": "40", "vm.dirty_background_ratio": "10"}.items() <= settings.items()


@pytest.mark.parametrize(
    "profile, names",
    [
        ("storage", ["cfs-mgmt", "cfs-meta", "cfs-repl", "cfs-gateway"]),
        ("client", ["cfs-fuse"]),
        ("conduit", ["cfs-repl"]),
        ("jepsen", []),
    ],
)
def test_units_are_those_of_the_profile_and_run_the_current_release(profile: BootProfile, names: list[str]) -> None:
    assert daemons(profile) == [f"{name}.service" for name in names]
    for name in names:
        lines = unit(profile, f"{name}.service")
        assert any(line.startswith(f"ExecStart=/opt/claudefs/current/bin/{name}") for line in lines)
        assert "WantedBy=multi-user.target" in lines


@pytest.mark.parametrize("profile", ["storage", "conduit"])
def test_what_serves_the_network_is_hardened(profile: BootProfile) -> None:
    lines = unit(profile, "cfs-.service.d/hardening.conf")
    assert {"User=cfs", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="} <= set(lines)
    assert all(name.startswith("cfs-") for name in daemons(profile))


def test_a_storage_nodes_units_stop_within_a_drain_one_after_the_other() -> None:
    (stop,) = [line for line in unit("storage", "cfs-.service.d/hardening.conf") if line.startswith("TimeoutStopSec=")]
    assert int(stop.removeprefix("TimeoutStopSec=").removesuffix("s")) * len(daemons("storage")) < 100


@pytest.mark.parametrize(
    "profile, name, stays",
    [
        ("storage", "cfs-mgmt", True),
        ("storage", "cfs-repl", True),
        ("storage", "cfs-meta", False),
        ("storage", "cfs-gateway", False),
        ("client", "cfs-fuse", False),
    ],
)
def test_programs_that_end_well_today_count_as_active_and_those_that_stay_are_started_again(
    profile: BootProfile, name: str, *, stays: bool
) -> None:
    lines = unit(profile, f"{name}.service")
    assert ("RemainAfterExit=yes" in lines) is not stays
    assert ("Restart=always" in lines) is stays


@pytest.mark.parametrize("name", ["cfs-mgmt", "cfs-meta", "cfs-gateway"])
def test_nothing_runs_on_a_storage_node_whose_disks_are_missing(name: str) -> None:
    assert {"Requires=claudefs-disks.service"} <= set(unit("storage", f"{name}.service"))


def test_logs_and_metrics_go_where_they_are_granted() -> None:
    agent = json.loads(written("storage")["/etc/cfs/cloudwatch-agent.json"])
    files = agent["logs"]["logs_collected"]["files"]["collect_list"]
    assert {of["log_group_name"] for of in files} == {"/cfs/test/nodes"}
    assert [of["file_path"] for of in files] == [
        "/var/log/claudefs/*.log",
        "/var/log/cfs-bootstrap.log",
        "/var/log/cloud-init-output.log",
    ]
    assert agent["metrics"]["namespace"].startswith("CFS/")


def test_values_are_frozen_and_keyword_only() -> None:
    type_ = cast("Any", NodeMachine)
    assert all(field.kw_only for field in fields(type_))
    assert type_.__dataclass_params__.frozen


GPG = """
case "$*" in
  *--verify*) echo "[GNUPG:] VALIDSIG ${SIGNED_BY:-937616F3450B7D806CBD9725D58167303B789C72} 2026" ;;
  *"--export 7F38BBB59D064DBCB3D84D725612B36462313325"*) echo key ;;
esac
"""
CURL = """
case "$*" in
  */api/token) echo a-token ;;
  */meta-data/*)
    all="$*"
    file="$CFS_ROOT/metadata/${all##*/meta-data/}"
    if [ -e "$file" ]; then printf '%s\\n200' "$(cat "$file")"; else printf 'nothing\\n404'; fi ;;
esac
"""
AWS = """
case "$*" in
  "s3 cp s3://claudefs-test-artifacts/"*) cp "$CFS_ROOT/bucket/${3#s3://*/}" "$4" ;;
  "s3api list-objects-v2 "*) if [ -e "$CFS_ROOT/bucket/$6" ]; then echo 1; else echo 0; fi ;;
  "ec2 describe-instances "*) cat "$CFS_ROOT/instances" ;;
esac
"""
SYSTEMCTL = """
case "$*" in
  is-active*) echo active ;;
  "show --property MainPID --value"*) echo 0 ;;
esac
"""
WIPEFS = 'all="$*"; file="$CFS_ROOT/signatures/${all##*/}"; if [ -e "$file" ]; then cat "$file"; fi'
MKFS = 'mkdir -p "$CFS_ROOT/signatures"; echo "xfs   $3" >"$CFS_ROOT/signatures/${4##*/}"'
PLAIN = ("snap", "apt-get", "dpkg", "chown", "chgrp", "sysctl", "systemd-tmpfiles", "mount", "udevadm", "gh")
"""Programs whose stand-ins do nothing and succeed."""


@pytest.fixture
def root(make_root: MakeRoot) -> Root:
    return node(make_root, "storage")


def node(make_root: MakeRoot, profile: BootProfile, site: Site | None = "A") -> Root:
    root = make_root(config(profile, site)["write_files"])
    for name in PLAIN:
        root.stand_in(name)
    root.stand_in("gpg", GPG)
    root.stand_in("curl", CURL)
    root.stand_in("aws", AWS)
    root.stand_in("systemctl", SYSTEMCTL)
    root.stand_in("wipefs", WIPEFS)
    root.stand_in("mkfs.xfs", MKFS)
    root.stand_in("blkid", 'all="$*"; echo "uuid-of-${all##*/}"')
    root.stand_in("mountpoint", "exit 1")
    root.stand_in("amazon-cloudwatch-agent-ctl", folder="opt/aws/amazon-cloudwatch-agent/bin")
    (root.path / "etc/fuse.conf").write_text("#user_allow_other\n")
    (root.path / "instances").write_text("")
    metadata(root, "instance-id", "i-1")
    metadata(root, "autoscaling/target-lifecycle-state", "InService")
    metadata(root, "instance-life-cycle", "spot")
    disk(root, "nvme0n1", model="Amazon Elastic Block Store              ", serial="vol1")
    disk(root, "nvme1n1", model="Amazon EC2 NVMe Instance Storage        ", serial="AWS1")
    return root


def metadata(root: Root, name: str, value: str) -> None:
    path = root.path / "metadata" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value)


def disk(root: Root, name: str, *, model: str, serial: str) -> None:
    folder = root.path / "sys/block" / name / "device"
    folder.mkdir(parents=True)
    (folder / "model").write_text(f"{model}\n")
    (folder / "serial").write_text(f"{serial}\n")


COMMIT, OLDER, OLDEST = "c" * 40, "b" * 40, "a" * 40
ARCH = platform.machine()


@dataclass(frozen=True, kw_only=True)
class Release:
    """Where a release that was put into the bucket is.

    Attributes:
        key: Key of its release.json.
        sha256: Of that file.
        folder: Its folder in the bucket.
    """

    key: str
    sha256: str
    folder: Path


BINARIES = ("cfs-fuse", "cfs-gateway", "cfs-meta", "cfs-mgmt", "cfs-repl")


def publish(
    root: Root,
    commit: str = COMMIT,
    version: str = "v0.7.0",
    *,
    binaries: tuple[str, ...] = BINARIES,
    changes: Mapping[str, object] = MappingProxyType({}),
) -> Release:
    """Put a release into the bucket as the release workflow does, with some fields of release.json changed."""
    folder = root.path / "bucket/releases" / commit
    binary = root.path / "build" / commit / "bin"
    for path in (folder, binary):
        path.mkdir(parents=True)
    for name in binaries:
        (binary / name).write_text(f"{name} {version}\n")
        (binary / name).chmod(0o755)
    tarball = folder / f"claudefs-{ARCH}.tar.zst"
    subprocess.run(["tar", "--create", "--zstd", "--file", tarball, "--directory", binary.parent, "bin"], check=True)
    (folder / f"claudefs-{ARCH}.tar.zst.sigstore.json").write_text("{}")
    info = {
        "schema": 1,
        "version": version,
        "commit": commit,
        "repository": "owner/claudefs",
        "signerWorkflow": SIGNER_WORKFLOW,
        "artifacts": {
            ARCH: {
                "key": f"releases/{commit}/{tarball.name}",
                "sha256": hashlib.sha256(tarball.read_bytes()).hexdigest(),
                "attestation": f"releases/{commit}/{tarball.name}.sigstore.json",
            }
        },
        **changes,
    }
    (folder / "release.json").write_text(json.dumps(info))
    sha256 = hashlib.sha256((folder / "release.json").read_bytes()).hexdigest()
    return Release(key=f"releases/{commit}/release.json", sha256=sha256, folder=folder)


def point(root: Root, release: Release, changes: Mapping[str, object] = MappingProxyType({})) -> None:
    """Let the environment's pointer name a release."""
    pointer = root.path / "bucket/environments/test/version.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    named = {"schema": 1, "release": release.key, "sha256": release.sha256, "previous": None, **changes}
    pointer.write_text(json.dumps(named))


def install_older(root: Root) -> None:
    """Let the node have an older release."""
    folder = root.path / "opt/claudefs/releases" / OLDER
    folder.mkdir(parents=True)
    (folder / "release.json").write_text("{}")
    (folder.parent.parent / "current").symlink_to(f"releases/{OLDER}")


def current(root: Root) -> str:
    return (root.path / "opt/claudefs/current").readlink().name


def tag(key: str, value: str) -> str:
    return f"aws ec2 create-tags --resources i-1 --tags Key={key},Value={value}\n"


def metric(name: str, value: int) -> str:
    return (
        "aws cloudwatch put-metric-data --namespace CFS/Cluster --metric-data "
        f"MetricName={name},Value={value},Dimensions=[{{Name=Environment,Value=test}}] "
        f"MetricName={name},Value={value},"
        "Dimensions=[{Name=Environment,Value=test},{Name=NodeGroup,Value=storage-a}]\n"
    )


def answer(result: str) -> str:
    return (
        "aws autoscaling complete-lifecycle-action --auto-scaling-group-name claudefs-test-storage-a "
        f"--lifecycle-hook-name {BOOT_HOOK} --instance-id i-1 --lifecycle-action-result {result}\n"
    )


def boot(make_root: MakeRoot, profile: BootProfile) -> Root:
    """Boot a node successfully with a release."""
    root = node(make_root, profile)
    point(root, publish(root))
    ended = root.run("prepare")
    assert (ended.returncode, ended.stderr) == (0, ""), root.read("var/log/cfs-bootstrap.log")
    return root


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A storage node that has booted once. Tests only read it, or copy it."""
    return boot(partial(place_files, tmp_path_factory.mktemp("booted")), "storage")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_boot_that_succeeds_says_so_to_all_who_wait_for_it(
    booted: Root, make_root: MakeRoot, profile: BootProfile
) -> None:
    root = booted if profile == "storage" else boot(make_root, profile)
    assert root.exists("var/lib/cfs/boot-complete")
    assert not root.exists("var/lib/cfs/boot-failed")
    assert tag("BootState", "ready") in root.calls
    assert metric("BootFailed", 0).replace("storage-a", f"{profile}-a") in root.calls
    assert answer("CONTINUE").replace("storage-a", f"{profile}-a") in root.calls
    assert "ABANDON" not in root.calls


def test_steps_come_in_the_order_in_which_they_need_each_other(booted: Root) -> None:
    order = [
        "snap wait system seed.loaded",
        "snap install --classic aws-cli",
        "apt-get -o Acquire::Retries=5 -o DPkg::Lock::Timeout=120 install",
        "/agent.deb",
        "apt-get -o Acquire::Retries=5 -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends /",
        "systemd-tmpfiles --create",
        "sysctl --load",
        "satisfy --yes --no-install-recommends gh (>= 2.67.0)",
        "systemctl enable --now claudefs-disks.service",
        "systemctl enable cfs-mgmt.service cfs-meta.service cfs-repl.service cfs-gateway.service",
        "gh attestation verify",
        "systemctl restart cfs-mgmt.service",
        "http://127.0.0.1:8443/ready",
        tag("BootState", "ready"),
        answer("CONTINUE"),
    ]
    places = [booted.calls.index(call) for call in order]
    assert places == sorted(places)


def failing(on: str, otherwise: str = "") -> str:
    return f'case "$*" in {on}) exit 3 ;; esac\n{otherwise}'


@pytest.mark.parametrize(
    "program, script, step",
    [
        ("snap", "exit 3", "aws_cli"),
        ("apt-get", "exit 3", "packages"),
        ("apt-get", failing("*/agent.deb"), "cloudwatch_agent"),
        ("gpg", GPG.replace("937616F3", "00000000"), "cloudwatch_agent"),
        ("systemd-tmpfiles", "exit 3", "folders"),
        ("sysctl", "exit 3", "kernel"),
        ("curl", failing("*githubcli*", CURL), "github_cli"),
        ("gpg", GPG.replace("7F38BBB5", "00000000"), "github_cli"),
        ("apt-get", failing("*satisfy*"), "github_cli"),
        ("systemctl", failing("*claudefs-disks*"), "disks"),
        ("systemctl", failing("*spot-watch*"), "daemons"),
        ("gh", "exit 3", "release"),
        ("systemctl", failing("is-active*", SYSTEMCTL), "health"),
    ],
)
def test_a_step_that_fails_ends_the_boot_and_is_told_everywhere(
    root: Root, program: str, script: str, step: str
) -> None:
    point(root, publish(root))
    root.stand_in(program, script)
    ended = root.run("prepare")
    assert ended.returncode != 0
    assert f"boot failed in step '{step}'" in ended.stderr
    assert root.read("var/lib/cfs/boot-failed") == f"{step}\n"
    assert not root.exists("var/lib/cfs/boot-complete")
    assert tag("BootState", f"failed:{step}") in root.calls
    assert metric("BootFailed", 1) in root.calls
    assert answer("ABANDON") in root.calls
    assert "CONTINUE" not in root.calls
    assert f"boot: failed:{step}" in root.read("var/log/claudefs/node.log")


def test_a_node_that_cannot_say_that_it_is_ready_has_failed(root: Root) -> None:
    root.stand_in("aws", failing("*create-tags*BootState*", AWS))
    assert root.run("prepare").returncode == 1
    assert root.read("var/lib/cfs/boot-failed") == "report\n"
    assert metric("BootFailed", 1) in root.calls
    assert answer("ABANDON") in root.calls
    assert "CONTINUE" not in root.calls


def test_the_answer_to_the_launch_hook_is_tried_three_times(root: Root) -> None:
    root.stand_in("aws", failing("*--lifecycle-action-result*", AWS))
    assert root.run("prepare").returncode == 1
    assert root.calls.count(answer("CONTINUE")) == 3


def test_a_node_that_was_launched_by_hand_has_no_hook_to_answer(root: Root) -> None:
    (root.path / "metadata/autoscaling/target-lifecycle-state").unlink()
    assert root.run("prepare").returncode == 0
    assert "complete-lifecycle-action" not in root.calls


def test_before_the_first_deployment_a_node_is_ready_without_a_release(root: Root) -> None:
    assert root.run("prepare").returncode == 0
    assert tag("Version", "none") in root.calls
    assert tag("BootState", "ready") in root.calls
    assert not root.exists("opt/claudefs/current")
    assert "systemctl restart" not in root.calls


def tree(root: Root) -> dict[str, str]:
    """List the files that a boot leaves behind, but for those that say when."""
    said = ("var/log/", "var/lib/cfs/boot-complete", "calls", "tmp")
    files = (path for path in root.path.rglob("*") if path.is_file())
    named = {str(path.relative_to(root.path)): path for path in files}
    return {name: path.read_text(errors="replace") for name, path in named.items() if not name.startswith(said)}


def test_a_second_run_changes_nothing(booted: Root, tmp_path: Path) -> None:
    root = booted.copy_to(tmp_path / "again")
    first = tree(root)
    assert root.run("prepare").returncode == 0
    assert tree(root) == first


def test_the_end_of_the_log_is_on_the_console_too(root: Root) -> None:
    root.stand_in("sysctl", "echo 'sysctl: cannot stat /proc/sys/kernel/io_uring_disabled' >&2; exit 255")
    assert "cannot stat /proc/sys/kernel/io_uring_disabled" in root.run("prepare").stderr


def test_what_the_network_or_a_lock_refuses_at_first_is_repeated(root: Root) -> None:
    refused = {
        "snap": ["install*"],
        "apt-get": ["*update", "*xfsprogs*", "*/agent.deb", "*satisfy*"],
        "curl": ["*amazon-cloudwatch-agent.deb", "*githubcli*"],
    }
    for program, calls in refused.items():
        root.refuse_twice(program, *calls, otherwise=CURL if program == "curl" else "")
    ended = root.run("prepare", variables={"CFS_RETRY_SECONDS": "60"})
    assert (ended.returncode, ended.stderr) == (0, "")
    for program, calls in refused.items():
        for number, call in enumerate(calls):
            assert root.attempts(program, number) >= 3, f"{program} {call}"


def test_what_stays_refused_ends_the_boot_in_time_for_the_launch_hook(root: Root) -> None:
    root.stand_in("snap", failing("install*"))
    paced = {"CFS_RETRY_SECONDS": "3", "CFS_PAUSE_SECONDS": "0.2"}
    assert root.run("prepare", variables=paced).returncode == 3
    assert root.calls.count("snap install") > 1
    assert root.read("var/lib/cfs/boot-failed") == "aws_cli\n"
    assert answer("ABANDON") in root.calls
    [bound] = re.findall(r"CFS_RETRY_SECONDS:-(\d+)", written("storage")["/usr/local/lib/cfs/boot.sh"])
    assert int(bound) + LONGEST_ATTEMPT_SECONDS + RELEASE_SECONDS + REPORT_SECONDS < BOOT_HOOK_SECONDS


def test_a_repaired_boot_can_be_run_again(root: Root) -> None:
    root.stand_in("sysctl", "exit 3")
    root.run("prepare")
    root.stand_in("sysctl")
    assert root.run("prepare").returncode == 0
    assert not root.exists("var/lib/cfs/boot-failed")
    assert tag("BootState", "ready") in root.calls


def test_github_s_packages_are_taken_by_the_pinned_key_and_are_none_but_gh(booted: Root) -> None:
    assert booted.read("etc/apt/keyrings/github-cli.gpg") == "key\n"
    assert "Signed-By: /etc/apt/keyrings/github-cli.gpg\n" in booted.read("etc/apt/sources.list.d/github-cli.sources")
    pinned = "Package: *\nPin: origin cli.github.com\nPin-Priority: -1\n"
    assert pinned in booted.read("etc/apt/preferences.d/github-cli")


def test_a_release_is_verified_then_unpacked_then_switched_to_then_started(root: Root) -> None:
    point(root, publish(root))
    ended = root.run("install-release")
    assert ended.returncode == 0, ended.stderr
    assert current(root) == COMMIT
    for name in BINARIES:
        assert root.read(f"opt/claudefs/current/bin/{name}") == f"{name} v0.7.0\n"
    order = ["gh attestation verify", *(f"systemctl restart {name}" for name in daemons("storage"))]
    places = [root.calls.index(call) for call in (*order, tag("Version", "v0.7.0"))]
    assert places == sorted(places)
    assert not list((root.path / "opt/claudefs").glob(".install-*"))


def test_the_attestation_is_judged_by_what_the_node_trusts(root: Root) -> None:
    point(root, publish(root))
    root.run("install-release")
    (call,) = re.findall(r"^gh .*$", root.calls, re.MULTILINE)
    assert f"--repo owner/claudefs --signer-workflow owner/claudefs/{SIGNER_WORKFLOW} --source-digest {COMMIT}" in call
    assert "--deny-self-hosted-runners" in call
    assert re.search(r"verify \S+/release\.tar\.zst --bundle \S+\.jsonl ", call)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"schema": 2}, "the schema is '2'"),
    ({"commit": OLDEST}, f"the commit is '{OLDEST}'"),
    ({"repository": "other/claudefs"}, "the repository is 'other/claudefs'"),
    ({"signerWorkflow": ".github/workflows/other.yml"}, "the signer workflow is"),
    ({"version": "v1 $(reboot)"}, "the version is"),
    ({"artifacts": {}}, f"the key for {ARCH} is ''"),
    ({"artifacts": {ARCH: {"key": "releases/../secret", "sha256": "0" * 64, "attestation": "x"}}}, "the key for"),
    ({"artifacts": None}, "the key for"),
]


@pytest.mark.parametrize("changes, complaint", REFUSED)
def test_a_release_that_is_not_what_it_should_be_leaves_the_old_one(
    root: Root, changes: dict[str, object], complaint: str
) -> None:
    install_older(root)
    point(root, publish(root, changes=changes))
    refused_and_old_stays(root, complaint)


def test_a_release_that_lacks_a_program_leaves_the_old_one(root: Root) -> None:
    install_older(root)
    point(root, publish(root, binaries=BINARIES[:-1]))
    refused_and_old_stays(root, "it has no program bin/cfs-repl")


def refused_and_old_stays(root: Root, complaint: str, *args: str) -> None:
    (root.path / "calls").write_text("")
    ended = root.run("install-release", *args)
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert complaint in root.read("var/log/claudefs/node.log")
    assert current(root) == OLDER
    assert "systemctl" not in root.calls
    assert "Version" not in root.calls
    assert [path.name for path in (root.path / "opt/claudefs/releases").iterdir()] == [OLDER]
    assert not list((root.path / "opt/claudefs").glob(".install-*"))


def test_a_release_whose_attestation_is_wrong_leaves_the_old_one(root: Root) -> None:
    install_older(root)
    point(root, publish(root))
    root.stand_in("gh", "exit 1")
    refused_and_old_stays(root, f"does not prove that {SIGNER_WORKFLOW} of owner/claudefs built it from {COMMIT}")


@pytest.mark.parametrize("name", ["release.json", f"claudefs-{ARCH}.tar.zst"])
def test_a_file_that_has_another_checksum_leaves_the_old_one(root: Root, name: str) -> None:
    install_older(root)
    release = publish(root)
    point(root, release)
    with (release.folder / name).open("ab") as file:
        file.write(b" ")
    refused_and_old_stays(root, f"{name} has another SHA-256 than")


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"schema": 2}, "the schema of the pointer is '2'"),
        ({"release": "releases/../other/release.json"}, "the pointer is 'releases/../other/release.json'"),
        ({"sha256": "none"}, "the checksum of the pointer is 'none'"),
    ],
)
def test_a_pointer_that_is_not_what_it_should_be_leaves_the_old_release(
    root: Root, changes: dict[str, object], complaint: str
) -> None:
    install_older(root)
    point(root, publish(root), changes)
    refused_and_old_stays(root, complaint)


def test_a_bucket_that_cannot_be_read_is_no_bucket_without_a_release(root: Root) -> None:
    root.stand_in("aws", failing("*list-objects*", AWS))
    assert root.run("install-release").returncode != 0
    assert "Version" not in root.calls


def test_a_release_can_be_named(root: Root) -> None:
    point(root, publish(root, OLDER, "v0.6.0"))
    release = publish(root)
    assert root.run("install-release", release.key, release.sha256).returncode == 0
    assert current(root) == COMMIT
    assert "version.json" not in root.calls


@pytest.mark.parametrize(
    "args, status",
    [
        (("releases/x",), 2),
        (("a", "b", "c"), 2),
        (("releases/../x/release.json", "0" * 64), 1),
        ((f"releases/{COMMIT}/release.json", "short"), 1),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fetched(root: Root, args: tuple[str, ...], status: int) -> None:
    ended = root.run("install-release", *args)
    assert ended.returncode == status
    assert ended.stderr
    assert root.calls == ""


def test_what_is_installed_is_not_fetched_again(root: Root) -> None:
    point(root, publish(root))
    root.run("install-release")
    (root.path / "calls").write_text("")
    assert root.run("install-release").returncode == 0
    assert ".tar.zst" not in root.calls
    assert "systemctl restart cfs-mgmt.service" in root.calls
    assert tag("Version", "v0.7.0") in root.calls


def test_the_release_before_stays_for_the_way_back_and_older_ones_go(root: Root) -> None:
    for commit, version in ((OLDEST, "v0.5.0"), (OLDER, "v0.6.0"), (COMMIT, "v0.7.0")):
        point(root, publish(root, commit, version))
        root.run("install-release")
    root.run("install-release")
    kept = {path.name for path in (root.path / "opt/claudefs/releases").iterdir()}
    assert kept == {OLDER, COMMIT}


def test_units_that_do_not_start_fail_the_installation_which_still_says_what_is_installed(root: Root) -> None:
    point(root, publish(root))
    root.stand_in("systemctl", failing("restart?cfs-meta*", SYSTEMCTL))
    ended = root.run("install-release")
    assert ended.returncode == 1
    assert "cfs-meta.service did not start" in ended.stderr
    assert "systemctl restart cfs-gateway.service" in root.calls
    assert tag("Version", "v0.7.0") in root.calls


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A storage node with a release, to be copied."""
    root = node(partial(place_files, tmp_path_factory.mktemp("installed")), "storage")
    point(root, publish(root))
    assert root.run("install-release").returncode == 0
    (root.path / "calls").write_text("")
    return root


@pytest.fixture
def installed(installed_once: Root, tmp_path: Path) -> Root:
    return installed_once.copy_to(tmp_path / "node")


def test_a_node_that_runs_its_release_passes_the_probe(installed: Root) -> None:
    ended = installed.run("probe", "v0.7.0")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "release v0.7.0 runs\n", "")
    assert "http://127.0.0.1:8443/ready" in installed.calls


def test_the_probe_finds_a_process_of_an_older_release(installed: Root) -> None:
    process = installed.path / "proc/7"
    process.mkdir(parents=True)
    (process / "exe").symlink_to(installed.path / f"opt/claudefs/releases/{OLDER}/bin/cfs-mgmt")
    installed.stand_in("systemctl", "case $* in is-active*) echo active ;; *MainPID*mgmt*) echo 7 ;; *) echo 0 ;; esac")
    ended = installed.run("probe")
    assert ended.returncode == 1
    assert "wrong: cfs-mgmt.service runs " in ended.stderr
    (process / "exe").unlink()
    (process / "exe").symlink_to(installed.path / f"opt/claudefs/releases/{COMMIT}/bin/cfs-mgmt")
    assert installed.run("probe").returncode == 0


@pytest.mark.parametrize(
    "program, script, complaint",
    [
        ("systemctl", "echo failed; exit 3", "wrong: cfs-meta.service is failed"),
        ("curl", "exit 7", "wrong: the management API is not ready"),
    ],
)
def test_the_probe_says_all_that_is_wrong(installed: Root, program: str, script: str, complaint: str) -> None:
    installed.stand_in(program, script)
    ended = installed.run("probe", "v0.8.0")
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert "wrong: the release is v0.7.0, not v0.8.0" in ended.stderr


def test_a_node_without_a_release_does_not_pass_the_probe(root: Root) -> None:
    ended = root.run("probe")
    assert ended.returncode == 1
    assert "no release is installed" in ended.stderr


def test_only_storage_nodes_are_asked_for_their_management_api(make_root: MakeRoot) -> None:
    root = node(make_root, "client")
    point(root, publish(root))
    root.run("install-release")
    assert root.run("probe").returncode == 0
    assert "/ready" not in root.calls


def test_a_drain_stops_units_in_the_reverse_of_their_order_and_is_counted(root: Root) -> None:
    assert root.run("drain", "spot-terminate").returncode == 0
    stopped = re.findall(r"systemctl stop (\S+)", root.calls)
    assert stopped == daemons("storage")[::-1]
    assert metric("Drained", 1) in root.calls
    assert "drain spot-terminate: done" in root.read("var/log/claudefs/node.log")


def test_a_second_drain_does_nothing(root: Root) -> None:
    root.run("drain", "spot-terminate")
    assert root.run("drain", "event").returncode == 0
    assert root.calls.count("systemctl stop") == len(daemons("storage"))
    assert root.calls.count(metric("Drained", 1)) == root.calls.count("put-metric-data") == 1
    assert "drain event: done before, because of spot-terminate" in root.read("var/log/claudefs/node.log")


def test_a_unit_that_does_not_stop_in_time_is_killed_and_the_drain_has_failed(root: Root) -> None:
    root.stand_in("systemctl", 'case $* in "stop cfs-meta.service") sleep 30 ;; esac')
    ended = root.run("drain", "by-hand", variables={"CFS_DRAIN_SECONDS": "1"})
    assert ended.returncode == 1
    assert "systemctl kill --signal=KILL cfs-meta.service" in root.calls
    assert metric("DrainFailed", 1) in root.calls
    assert "MetricName=Drained" not in root.calls


@pytest.mark.parametrize("args", [(), ("two words",), ("$(reboot)",)])
def test_a_drain_needs_a_reason(root: Root, args: tuple[str, ...]) -> None:
    assert root.run("drain", *args).returncode != 0
    assert root.calls == ""


def test_an_installation_after_a_drain_lets_the_node_be_drained_again(installed: Root) -> None:
    installed.run("drain", "once")
    installed.run("install-release")
    (installed.path / "calls").write_text("")
    installed.run("drain", "twice")
    assert "systemctl stop" in installed.calls


def test_a_notice_drains_the_node(root: Root) -> None:
    metadata(root, "spot/instance-action", '{"action": "terminate", "time": "2026-11-21T15:00:00Z"}')
    assert root.run("spot-watch").returncode == 0
    assert "drain spot-terminate: done" in root.read("var/log/claudefs/node.log")


def test_no_notice_is_waited_for(root: Root) -> None:
    metadata(root, "spot/instance-action", '{"action": "stop"}')
    late = """
case "$*" in */spot/*) if [ "$(grep --count spot/instance-action "$CFS_ROOT/calls")" -lt 4 ]; then
  printf 'nothing\\n404'; exit; fi ;; esac
"""
    root.stand_in("curl", late + CURL)
    assert root.run("spot-watch").returncode == 0
    assert "drain spot-stop: done" in root.read("var/log/claudefs/node.log")
    assert root.calls.count("meta-data/spot/instance-action") == 4


def test_metadata_that_do_not_answer_are_no_peace(root: Root) -> None:
    root.stand_in("curl", failing("*/spot/*", CURL))
    ended = root.run("spot-watch")
    assert ended.returncode == 1
    assert "have not answered" in ended.stderr
    assert "systemctl stop" not in root.calls


def test_an_on_demand_node_has_nothing_to_watch(root: Root) -> None:
    metadata(root, "instance-life-cycle", "on-demand")
    assert root.run("spot-watch").returncode == 0
    assert "spot/instance-action" not in root.calls


def test_peers_are_this_environments_running_nodes_in_order(root: Root) -> None:
    (root.path / "instances").write_text("i-2.us-west-2.compute.internal\ni-1.us-west-2.compute.internal\n")
    ended = root.run("peers", "--role", "storage", "--site", "B")
    assert ended.stdout == "i-1.us-west-2.compute.internal\ni-2.us-west-2.compute.internal\n"
    for part in (
        "Name=tag:project,Values=claudefs",
        "Name=tag:Environment,Values=test",
        "Name=instance-state-name,Values=running",
        "Name=tag:Role,Values=storage",
        "Name=tag:Site,Values=B",
    ):
        assert part in root.calls


@pytest.mark.parametrize("args", [("--role",), ("--role", "orchestrator"), ("--site", "C"), ("storage",)])
def test_peers_that_there_cannot_be_are_refused(root: Root, args: tuple[str, ...]) -> None:
    ended = root.run("peers", *args)
    assert ended.returncode == 2
    assert "usage: peers" in ended.stderr
    assert "describe-instances" not in root.calls


@pytest.mark.parametrize(
    "profile, site, arguments",
    [
        ("storage", "A", "--site-id 1 --peer 3:us-west-2:grpc://i-1.internal:5051"),
        ("storage", "B", "--site-id 2 --peer 3:us-west-2:grpc://i-1.internal:5051"),
        (
            "conduit",
            None,
            "--site-id 3 --peer 1:us-west-2:grpc://i-1.internal:5051 --peer 2:us-west-2:grpc://i-1.internal:5051",
        ),
    ],
)
def test_replication_is_told_the_other_sites(
    make_root: MakeRoot, profile: BootProfile, site: Site | None, arguments: str
) -> None:
    root = node(make_root, profile, site)
    (root.path / "instances").write_text("i-1.internal\ni-2.internal\n")
    assert root.run("find-sites").returncode == 0
    assert root.read("run/claudefs/repl.env") == f"CFS_REPL_ARGUMENTS={arguments}\n"


def test_replication_starts_anew_when_the_others_have_changed_and_only_then(root: Root) -> None:
    restart = "systemctl --no-block try-restart cfs-repl.service"
    root.run("find-sites")
    assert root.read("run/claudefs/repl.env") == "CFS_REPL_ARGUMENTS=--site-id 1\n"
    root.run("find-sites")
    assert root.calls.count(restart) == 1
    (root.path / "instances").write_text("i-3.internal\n")
    root.run("find-sites")
    assert root.calls.count(restart) == 2


def test_sites_that_cannot_be_looked_up_leave_the_arguments_as_they_are(root: Root) -> None:
    root.run("find-sites")
    root.stand_in("aws", "exit 254")
    assert root.run("find-sites").returncode != 0
    assert root.read("run/claudefs/repl.env") == "CFS_REPL_ARGUMENTS=--site-id 1\n"


def formatted(root: Root) -> list[str]:
    return re.findall(r"^mkfs\.xfs .*/dev/(\S+)$", root.calls, re.MULTILINE)


def mounted(root: Root) -> list[tuple[str, str]]:
    return re.findall(r"^mount -t xfs -o noatime,discard UUID=uuid-of-(\S+) \S+/data/(\S+)$", root.calls, re.MULTILINE)


def test_the_instance_store_is_found_by_its_model_and_mounted_by_uuid(root: Root) -> None:
    assert root.run("disks").returncode == 0
    assert formatted(root) == ["nvme1n1"]
    assert mounted(root) == [("nvme1n1", "nvme0")]
    assert f"chown cfs:cfs {root.path}/data/nvme0" in root.calls


def test_several_disks_are_numbered_by_serial_whatever_their_device_names(root: Root) -> None:
    disk(root, "nvme2n1", model="Amazon EC2 NVMe Instance Storage", serial="AWS0")
    root.run("disks")
    assert mounted(root) == [("nvme2n1", "nvme0"), ("nvme1n1", "nvme1")]


def test_a_disk_that_has_our_file_system_is_mounted_where_it_was_and_never_formatted(root: Root) -> None:
    root.run("disks")
    (root.path / "calls").write_text("")
    disk(root, "nvme2n1", model="Amazon EC2 NVMe Instance Storage", serial="AWS0")
    root.run("disks")
    assert formatted(root) == ["nvme2n1"]
    assert sorted(mounted(root)) == [("nvme1n1", "nvme0"), ("nvme2n1", "nvme1")]


def test_after_a_reboot_nothing_is_formatted(root: Root) -> None:
    root.run("disks")
    (root.path / "calls").write_text("")
    assert root.run("disks").returncode == 0
    assert formatted(root) == []
    assert mounted(root) == [("nvme1n1", "nvme0")]


def test_what_is_mounted_is_not_mounted_over(root: Root) -> None:
    root.run("disks")
    (root.path / "calls").write_text("")
    root.stand_in("mountpoint")
    assert root.run("disks").returncode == 0
    assert mounted(root) == []


@pytest.mark.parametrize(
    "signatures", ["ext4 data", "xfs other", "xfs", "gpt", "dos", "LVM2_member", "xfs cfs-nvme0\next4 old", "swap"]
)
def test_a_disk_that_bears_anything_else_is_left_alone_and_said(root: Root, signatures: str) -> None:
    (root.path / "signatures").mkdir()
    (root.path / "signatures/nvme1n1").write_text(f"{signatures}\n")
    ended = root.run("disks")
    assert ended.returncode == 1
    assert "which is not ours" in ended.stderr
    assert formatted(root) == []
    assert mounted(root) == []


def test_nothing_is_formatted_where_one_disk_is_strange(root: Root) -> None:
    disk(root, "nvme2n1", model="Amazon EC2 NVMe Instance Storage", serial="AWS2")
    (root.path / "signatures").mkdir()
    (root.path / "signatures/nvme2n1").write_text("ext4 theirs\n")
    assert root.run("disks").returncode == 1
    assert formatted(root) == []


def test_a_signature_that_cannot_be_read_is_not_taken_for_none(root: Root) -> None:
    root.stand_in("wipefs", "exit 1")
    assert root.run("disks").returncode == 1
    assert formatted(root) == []


def test_a_storage_node_without_instance_store_has_failed(root: Root) -> None:
    (root.path / "sys/block/nvme1n1/device/model").write_text("Amazon Elastic Block Store\n")
    ended = root.run("disks")
    assert ended.returncode == 1
    assert "there is no disk of the model 'Amazon EC2 NVMe Instance Storage'" in ended.stderr


TOKEN = "marker-of-a-long-token"


def test_the_management_apis_token_is_in_memory_and_in_no_argument(root: Root) -> None:
    root.stand_in("aws", f"""echo '{{"ADMIN_TOKEN": "{TOKEN}"}}'""")
    ended = root.run("mgmt-config")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f'admin_token = "{TOKEN}"\n' in root.read("run/claudefs/mgmt.toml")
    assert 'bind_addr = "0.0.0.0:8443"\n' in root.read("run/claudefs/mgmt.toml")
    assert (root.path / "run/claudefs/mgmt.toml").stat().st_mode & 0o777 == 0o640
    assert "--secret-id cfs/nodes/test/management" in root.calls
    assert TOKEN not in root.calls


def test_without_a_secret_the_management_api_is_closed_instead_of_open(root: Root) -> None:
    root.stand_in("aws", "echo 'An error occurred (ResourceNotFoundException): no such secret' >&2; exit 254")
    tokens = set()
    for _ in range(2):
        assert root.run("mgmt-config").returncode == 0
        tokens |= set(re.findall(r'^admin_token = "(\S{44})"$', root.read("run/claudefs/mgmt.toml"), re.MULTILINE))
    assert len(tokens) == 2


@pytest.mark.parametrize(
    "script",
    [
        "echo 'An error occurred (AccessDeniedException)' >&2; exit 254",
        "echo 'no JSON'",
        "echo '{}'",
        """echo '{"ADMIN_TOKEN": "short"}'""",
        """echo '{"ADMIN_TOKEN": "marker-of-a-token\\" x = \\"y"}'""",
    ],
)
def test_a_secret_that_cannot_be_used_keeps_the_management_api_from_starting(root: Root, script: str) -> None:
    root.stand_in("aws", script)
    ended = root.run("mgmt-config")
    assert ended.returncode != 0
    assert ended.stderr
    assert "marker" not in ended.stderr
    assert not root.exists("run/claudefs/mgmt.toml")


@pytest.mark.parametrize(
    "script, result",
    [
        (failing("*claudefs-disks*", SYSTEMCTL), "failed:disks"),
        (failing("is-active*cfs-repl*", SYSTEMCTL), "failed:health"),
        # cfs-repl cannot reach AWS at first.
        (f'case "$*" in is-active*cfs-repl*) ! mkdir "$CFS_ROOT/asked" 2>&1 || exit 3 ;; esac\n{SYSTEMCTL}', "ready"),
        (SYSTEMCTL, "ready"),
    ],
)
def test_a_later_boot_is_reported_so_that_a_repaired_node_is_ready_again(
    installed: Root, script: str, result: str
) -> None:
    installed.stand_in("systemctl", script)
    assert (installed.run("report-boot").returncode == 0) is (result == "ready")
    assert re.findall(r"Key=BootState,Value=(\S+)", installed.calls) == [result]
    assert metric("BootFailed", int(result != "ready")) in installed.calls


def test_later_boots_are_reported_after_the_units_and_again_until_they_are_ready(booted: Root) -> None:
    lines = set(unit("storage", "claudefs-boot-report.service"))
    after = {name for line in lines if line.startswith("After=") for name in line.removeprefix("After=").split()}
    assert {"claudefs-disks.service", *daemons("storage"), *daemons("client")} <= after
    assert {"ConditionPathExists=/var/lib/cfs/boot-complete", "Restart=on-failure"} <= lines
    assert "systemctl enable claudefs-boot-report.service" in booted.calls


def test_replication_starts_once_the_other_sites_are_found_however_often_that_fails() -> None:
    lines = unit("storage", "cfs-repl.service")
    assert "ExecStartPre=+/usr/local/libexec/cfs/find-sites --before-start" in lines
    assert {"EnvironmentFile=-/run/claudefs/repl.env", "Restart=always"} <= set(lines)
    assert not [line for line in lines if line.startswith(("Requires=", "BindsTo="))]


def test_a_look_up_before_the_start_restarts_nothing(root: Root) -> None:
    assert root.run("find-sites", "--before-start").returncode == 0
    assert root.read("run/claudefs/repl.env") == "CFS_REPL_ARGUMENTS=--site-id 1\n"
    assert "try-restart" not in root.calls


@pytest.mark.parametrize(
    "profile, name", [("storage", "cfs-.service.d/hardening.conf"), ("client", "cfs-fuse.service")]
)
def test_a_program_that_crashes_is_restarted_more_and_more_slowly(profile: BootProfile, name: str) -> None:
    assert {"RestartSec=2s", "RestartSteps=8", "RestartMaxDelaySec=2min"} <= set(unit(profile, name))


def test_the_probe_finds_a_program_that_crashes_after_some_seconds(installed: Root) -> None:
    count = 'echo >>"$CFS_ROOT/asked"; wc -l <"$CFS_ROOT/asked"'
    installed.stand_in("systemctl", f"case $* in *NRestarts*cfs-repl*) {count} ;; *)\n{SYSTEMCTL} ;; esac")
    ended = installed.run("probe")
    assert ended.returncode == 1
    assert ended.stderr == "wrong: cfs-repl.service keeps restarting: its program ends\n"


def test_a_unit_that_systemd_had_to_kill_fails_the_drain(root: Root) -> None:
    root.stand_in("systemctl", "case $* in *Result*cfs-repl*) echo timeout ;; *Result*) echo success ;; esac")
    assert root.run("drain", "by-hand").returncode == 1
    assert metric("DrainFailed", 1) in root.calls
    assert "cfs-repl.service did not stop, systemd killed it" in root.read("var/log/claudefs/node.log")
    assert root.calls.count("systemctl stop") == len(daemons("storage"))


def test_a_call_that_hangs_is_ended_and_the_boot_is_still_reported(root: Root) -> None:
    root.stand_in("aws", f'case "$*" in *BootState*) exec sleep 30 ;; esac\n{AWS}')
    assert root.run("report", "ready", variables={"CFS_CALL_SECONDS": "0.2"}).returncode == 1
    assert metric("BootFailed", 0) in root.calls


def test_a_hook_that_was_answered_before_is_no_failure(root: Root) -> None:
    refusal = "echo 'An error occurred (ValidationError): No active Lifecycle Action found with instance ID i-1' >&2"
    root.stand_in("aws", f'case "$*" in *--lifecycle-action-result*) {refusal}; exit 254 ;; esac\n{AWS}')
    assert root.run("prepare").returncode == 0
    assert root.calls.count(answer("CONTINUE")) == 1
    assert root.exists("var/lib/cfs/boot-complete")


def test_a_clients_mount_may_be_opened_to_other_users(make_root: MakeRoot) -> None:
    root = node(make_root, "client")
    for _ in range(2):
        assert root.run("prepare").returncode == 0
    assert root.read("etc/fuse.conf") == "#user_allow_other\nuser_allow_other\n"


def test_programs_of_root_have_a_home(root: Root) -> None:
    root.stand_in("aws", 'echo "$HOME" >"$CFS_ROOT/home-of-aws"')
    root.run("peers")
    assert root.read("home-of-aws") == f"{root.path}/root\n"
