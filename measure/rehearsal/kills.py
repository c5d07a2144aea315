"""Cancels runs of the deployment at many moments, and checks that the next run leaves everything in order."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from cfs.recovery.pending_operations import recorded_ids
from cfs.recovery.tagged_resources import find_tagged_resources
from cfs.sessions import connect_emulated
from infra.naming import CONFIG_NAMESPACE
from local import servers
from local.account import LOCAL_REGION
from measure.rehearsal.first_deployment import GITHUB_ENVIRONMENT
from measure.rehearsal.rehearsed_account import ENVIRONMENT
from measure.rehearsal.runner_host import WorkflowTrigger, nobody_cancels
from measure.rehearsal.script_process import Outcome
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from measure.rehearsal.rehearsed_account import RehearsedAccount
    from measure.rehearsal.runner_host import Watcher
    from measure.rehearsal.workflow_runs import RunResult

KILLED_STEPS = ("Change the infrastructure", "Roll out")
"""The steps to cancel: those that change the account, which the next run must handle in any state."""

_DEPLOYMENT = "deploy-prod.yml"
_FIRST_RUN_ID = 10_000
_OUTPUT_CHARACTERS = 3000


@dataclass(frozen=True, kw_only=True)
class Kill:
    """A cancelled run and the next run.

    Attributes:
        step: The cancelled step.
        seconds: Time from the start of the step to its cancellation, in seconds.
        cancelled: Whether the step was still running then.
        left: Problems that the cancelled run left.
        problems: Problems after the next run; empty if there were none.
    """

    step: str
    seconds: float
    cancelled: bool
    left: tuple[str, ...]
    problems: tuple[str, ...]


def run_kills(rehearsed: RehearsedAccount, *, count: int) -> Iterator[Kill]:
    """Cancel runs of the deployment at moments spread over its steps, and check the result of each following run.

    Args:
        rehearsed: An account with a deployed environment and running nodes.
        count: Number of runs to cancel in each step.
    """
    return _KillSeries(rehearsed=rehearsed).run(count)


def cancel_after(step: str, seconds: float) -> Watcher:
    """Return a watcher that cancels a step some seconds after its start."""

    def watch(title: str) -> Callable[[], bool]:
        if title != step:
            return nobody_cancels(title)
        deadline = time.monotonic() + seconds
        return lambda: time.monotonic() >= deadline

    return watch


@dataclass(kw_only=True)
class _KillSeries:
    rehearsed: RehearsedAccount
    run_id: int = _FIRST_RUN_ID
    durations: dict[str, float] = field(default_factory=dict)

    def run(self, count: int) -> Iterator[Kill]:
        """Time an undisturbed run, and then cancel others."""
        result = self._deploy(self._make_change(), nobody_cancels)
        if problem := _describe_failure(result):
            raise UserError(f"A run without a cancellation failed: {problem}", repair="repair the deployment first")
        self.durations = {report.title: report.seconds for report in result.reports if report.title in KILLED_STEPS}
        for number in range(count):
            for step in KILLED_STEPS:
                yield self._kill_step(step, self.durations[step] * (number + 0.5) / count)

    def _kill_step(self, step: str, seconds: float) -> Kill:
        commit = self._make_change()
        killed = self._deploy(commit, cancel_after(step, seconds))
        left = tuple(find_disorder(self.rehearsed))
        failure = _describe_failure(self._deploy(commit, nobody_cancels))
        return Kill(
            step=step,
            seconds=seconds,
            cancelled=killed.outcome == Outcome.CANCELLED,
            left=left,
            problems=(*filter(None, [failure]), *find_disorder(self.rehearsed)),
        )

    def _make_change(self) -> str:
        """Change settings so that a deployment creates, deletes and updates resources; return a commit to roll out."""
        file = self.rehearsed.project / f"Pulumi.{ENVIRONMENT}.yaml"
        document = yaml.safe_load(file.read_text())
        config = document["config"]
        groups = config.setdefault(f"{CONFIG_NAMESPACE}:nodeGroups", {})
        enabled = groups.get("jepsen", {}).get("enabled", "true") == "true"
        groups["jepsen"] = {"enabled": "false" if enabled else "true"}
        config[f"{CONFIG_NAMESPACE}:logRetentionDays"] = 60 if enabled else 90
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        self.rehearsed.pin_project()
        return self.rehearsed.repository.commit_change("A change")

    def _deploy(self, commit: str, watch: Watcher) -> RunResult:
        self.run_id += 1
        runner = self.rehearsed.runner
        trigger = WorkflowTrigger(
            event_name="workflow_dispatch",
            ref="refs/heads/main",
            sha=commit,
            actor=servers.LOCAL_OWNER,
            run_id=self.run_id,
            inputs={"environment": GITHUB_ENVIRONMENT},
        )
        return replace(runner, host=replace(runner.host, watch=watch)).run_workflow(_DEPLOYMENT, trigger)


def find_disorder(rehearsed: RehearsedAccount) -> Iterator[str]:
    """Yield problems that a finished deployment must not leave."""
    s3 = rehearsed.connect_client("s3")
    aws = connect_emulated(url=rehearsed.account.aws_url, region=LOCAL_REGION)
    [bucket] = [of["Name"] for of in s3.list_buckets()["Buckets"] if f"-{ENVIRONMENT}-state-" in of["Name"]]
    for lock in s3.list_objects_v2(Bucket=bucket, Prefix=".pulumi/locks/").get("Contents", ()):
        yield f"a lock is left: {lock['Key']}"
    deployment = _read_deployment(rehearsed)
    for operation in deployment.get("pending_operations") or ():
        yield f"an operation is pending: {operation['type']} {operation['resource']['urn']}"
    recorded = recorded_ids(deployment)
    for resource in find_tagged_resources(aws, ENVIRONMENT):
        if (resource.type, resource.id) not in recorded:
            yield f"not recorded: {resource.type} {resource.id}"
    versions = rehearsed.node_versions()
    if len(versions) != 1:
        yield f"nodes run {', '.join(sorted(versions)) or 'no version'}"


def _read_deployment(rehearsed: RehearsedAccount) -> dict[str, Any]:
    """Export the stack's state with the engine, which can read any format of the backend."""
    exported = rehearsed.project.parent / "state.json"
    rehearsed.run_as_administrator("pulumi", "stack", "export", "--stack", ENVIRONMENT, "--file", str(exported))
    deployment: dict[str, Any] = json.loads(exported.read_text())["deployment"]
    return deployment


def _describe_failure(result: RunResult) -> str:
    """Return the reason why a run did not succeed; "" if it did."""
    if result.outcome == Outcome.SUCCESS:
        return ""
    failed = result.failed_step()
    if failed is None:
        return "; ".join(f"{name}: {job.outcome} {job.refusal}" for name, job in result.jobs.items())
    return f"{failed.title}: {failed.output[-_OUTPUT_CHARACTERS:]}"
