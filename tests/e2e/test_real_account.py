"""The README's way to a real account, command by command, and the way back: on the emulators, as a person goes it."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import boto3
import yaml

from infra.project import PROJECT_FOLDER
from local import servers
from local.account import LOCAL_REGION, PLACEHOLDER_ACCESS_KEY
from local.github.keys import decrypt_secret
from local.github.records import KeyPair
from local.project_clone import clone_project
from measure.rehearsal.github_cli import install_github_cli
from measure.rehearsal.runner_host import person_variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.account import LocalAccount


def shell_blocks(page: str, section: str) -> list[str]:
    """Return the commands of a page's section."""
    [text] = re.findall(
        rf"^## {section}\n(.*?)(?=^## |\Z)", (PROJECT_FOLDER / page).read_text(), re.MULTILINE | re.DOTALL
    )
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def shell_variables(account: LocalAccount, folder: Path) -> Mapping[str, str]:
    """Return the environment of a person's shell, with a `gh` in front of all programs."""
    install_github_cli(folder / "programs")
    return person_variables(account, folder=folder) | {
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "GIT_AUTHOR_NAME": "person",
        "GIT_AUTHOR_EMAIL": "person@example.org",
        "GIT_COMMITTER_NAME": "person",
        "GIT_COMMITTER_EMAIL": "person@example.org",
    }


def test_every_command_of_the_way_to_a_real_account_works_and_destroying_leaves_nothing(
    account: LocalAccount, tmp_path: Path
) -> None:
    project, remote = tmp_path / "project", tmp_path / "remote.git"
    clone_project(project, account=account, stack="prod")
    variables = shell_variables(account, tmp_path)

    def run(commands: str, *, typed: str = "") -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=project,
            env=variables,
            input=typed,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run(f"git init --quiet --bare {remote}; git remote add origin {remote}; git push --quiet -u origin main")
    deploy, jobs = shell_blocks("README.md", "A real account")

    assert "3 imported" in (said := run(deploy))
    assert "replaced" not in said
    assert "changes" not in run("pulumi preview -s prod").rpartition("Resources:")[2]
    run(jobs.replace("OWNER", servers.LOCAL_OWNER), typed="deploys\npreviews\n")

    commit = run("git rev-parse HEAD").strip()
    settings = yaml.safe_load(run(f"git --git-dir {remote} show {commit}:Pulumi.prod.yaml"))
    assert settings["encryptedkey"]
    assert settings["config"]["claudefs-infra:alertEmails"] == ["you@example.org"]
    stored = json.loads((account.folder / servers.GITHUB_EMULATOR.state_file).read_text())["repository"]
    assert stored["variables"]["INFRA_REF"]["value"] == commit
    for environment, token in {"production": b"deploys", "production-preview": b"previews"}.items():
        sealed = stored["environments"][environment]["secrets"]["PULUMI_GITHUB_TOKEN"]["encrypted_value"]
        assert decrypt_secret(KeyPair(**stored["key"]), sealed) == token

    [destroy] = shell_blocks("docs/bootstrap.md", "Destroy")
    run(destroy)

    aws = boto3.Session(PLACEHOLDER_ACCESS_KEY, PLACEHOLDER_ACCESS_KEY, region_name=LOCAL_REGION)
    assert aws.client("s3", endpoint_url=account.aws_url).list_buckets()["Buckets"] == []
    kms = aws.client("kms", endpoint_url=account.aws_url)
    [key] = [key["KeyId"] for key in kms.list_keys()["Keys"]]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert "encryptedkey" not in yaml.safe_load((project / "Pulumi.prod.yaml").read_text())
