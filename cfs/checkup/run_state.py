"""Checks what runs and alarms have left: a lock of a dead run, a lost release pointer, alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.deploy.artifact_store import find_artifact_store
from cfs.deploy.lease import read_deploy_record
from cfs.deploy.releases import read_current_release
from cfs.deploy.stored_documents import version_key
from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.aws import AwsAccount
    from cfs.checkup.facts import EnvironmentFacts
    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.doctor.findings import Finding


def examine_locks(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Report the locks on the stack."""
    if facts.environment.is_emulated or facts.stack.problem is None:
        locks = facts.environment.read_held_locks()
        for lock in locks:
            yield doubtful_finding(
                "lock", f"The stack is locked by {lock.holder}.", repair=f"cfs unlock --environment {facts.name}"
            )
        if not locks:
            yield good_finding("lock", "The stack is not locked.")


def examine_release(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Report whether booting nodes find a release."""
    if not facts.stack.is_deployed:
        return
    store = find_artifact_store(facts.aws, facts.name)
    current = read_current_release(store, facts.name).target
    if current is not None:
        yield good_finding("release", f"Booting nodes install {current.version}.")
        return
    last = read_deploy_record(store, facts.name)[0].last
    marker = _find_delete_marker(facts, store)
    key = version_key(facts.name)
    if marker:
        yield wrong_finding(
            "release",
            f"The pointer {key} is deleted: booting nodes install nothing.",
            repair=f"aws s3api delete-object --bucket {store.bucket} --key {key} --version-id {marker}",
        )
    elif last is not None:
        yield wrong_finding(
            "release",
            f"{last.target.version} was deployed, but the pointer {key} is missing.",
            repair=f"cfs deploy roll-out --environment {facts.name} --release {last.target.release} "
            f"--sha256 {last.target.sha256}",
        )
    else:
        yield doubtful_finding(
            "release",
            "No release is deployed: booting nodes install nothing.",
            repair=f"gh workflow run deploy-prod.yml --repo {facts.settings.full_repository}",
        )


def examine_alarms(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Report the environment's alarms that are in state ALARM."""
    if not facts.stack.is_deployed:
        return
    alarms = list_ringing_alarms(facts.aws, facts.scope.name_prefix)
    for alarm in alarms:
        summary, _, runbook = alarm.get("AlarmDescription", "").partition(" Runbook: ")
        history = f"aws cloudwatch describe-alarm-history --alarm-name {alarm['AlarmName']} {facts.region_option}"
        yield wrong_finding(
            "alarms", f"{alarm['AlarmName']} is in ALARM: {summary}", repair=f"see {runbook}; {history}"
        )
    if not alarms:
        yield good_finding("alarms", "None is in ALARM.")


def list_ringing_alarms(aws: AwsAccount, prefix: str) -> list[dict[str, Any]]:
    """Return the alarms in state ALARM whose names begin with a prefix."""
    # Also filtered here, because the emulated account ignores the state if a prefix is given.
    path = "MetricAlarms[?StateValue == 'ALARM']"
    return list(aws.list_items("cloudwatch", "describe_alarms", path, AlarmNamePrefix=prefix, StateValue="ALARM"))


def _find_delete_marker(facts: EnvironmentFacts, store: ArtifactStore) -> str:
    key = version_key(facts.name)
    listed = facts.aws.list_items(
        "s3", "list_object_versions", "DeleteMarkers[?IsLatest]", Bucket=store.bucket, Prefix=key
    )
    return next((str(marker["VersionId"]) for marker in listed if marker["Key"] == key), "")
