"""Checks whether the secrets that the orchestrator reads exist and have a value, which is never read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.aws import AwsError
from cfs.doctor.findings import good_finding, wrong_finding
from infra.project import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

_SECRETS_FILE = PROJECT_FOLDER / "infra" / "boot" / "orchestrator" / "secrets.txt"
"""Lines with a secret's name and the key of its JSON object."""


def examine_boot_secrets(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Describe each secret that the orchestrator's boot names."""
    for line in _SECRETS_FILE.read_text().splitlines():
        name, key = line.split()
        try:
            described = facts.aws.call_operation("secretsmanager", "describe_secret", SecretId=name)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            described = None
        yield judge_boot_secret(name, key, described, region_option=facts.region_option)


def judge_boot_secret(name: str, key: str, described: Mapping[str, Any] | None, *, region_option: str) -> Finding:
    """Judge a secret.

    Args:
        name: The secret's name.
        key: Key of its JSON object that the orchestrator reads.
        described: The answer of DescribeSecret; None if there is no such secret.
        region_option: Option for the region.
    """
    # The value reaches `aws` by standard input, so that no list of processes and no history shows it.
    typed = f"""(read -rsp '{key}: ' VALUE; printf '{{"{key}":"%s"}}' "$VALUE") | aws secretsmanager"""
    value = f"--secret-string file:///dev/stdin {region_option}"
    check = f"secret {name}"
    if described is None:
        return wrong_finding(
            check,
            "It does not exist: the orchestrator cannot boot.",
            repair=f"{typed} create-secret --name {name} {value}",
        )
    if "DeletedDate" in described:
        return wrong_finding(
            check,
            f"It is deleted, for good after {described['DeletedDate']:%Y-%m-%d}.",
            repair=f"aws secretsmanager restore-secret --secret-id {name} {region_option}",
        )
    stages = {stage for labels in (described.get("VersionIdsToStages") or {}).values() for stage in labels}
    if "AWSCURRENT" not in stages:
        return wrong_finding(check, "It has no value.", repair=f"{typed} put-secret-value --secret-id {name} {value}")
    return good_finding(check, "It exists and has a value.")
