"""Rehearses a real account: set up by an administrator, deployed by GitHub's jobs with their own rights."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from local import servers
from measure.rehearsal import first_deployment
from measure.rehearsal.first_deployment import GITHUB_ENVIRONMENT, set_setting
from measure.rehearsal.interruptions import interrupt_nodes
from measure.rehearsal.kills import run_kills
from measure.rehearsal.rehearsed_account import ENVIRONMENT, REPOSITORY, set_up_account
from measure.rehearsal.rights_use import find_rehearsed_scope, judge_rights, list_granted, rights_summary
from measure.rehearsal.runner_host import WorkflowTrigger, nobody_cancels
from measure.rehearsal.script_process import Outcome
from terminal.errors import UserError
from terminal.progress import console
from terminal.results import CommandResult, ResultTable, to_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from measure.rehearsal.rehearsed_account import RehearsedAccount
    from measure.rehearsal.rights_use import RightsUse
    from measure.rehearsal.workflow_runs import RunResult

ADMINISTRATOR = "administrator"
PULL_REQUEST = 1
_OUTPUT_LINES = 25


class RehearsalEndedError(Exception):
    """A step failed that all further steps need."""


@dataclass(frozen=True, kw_only=True)
class RehearsedStep:
    """A step of a rehearsal.

    Attributes:
        title: The step's description.
        role: The AWS role of the step, or the administrator.
        seconds: The duration in seconds.
        problem: A deviation from the expected result, or "".
    """

    title: str
    role: str
    seconds: float
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class WithoutRight:
    """A right to deny a role, so that the rehearsal shows where it is needed.

    Attributes:
        role: The role.
        action: The IAM action.
    """

    role: str
    action: str


@dataclass(kw_only=True)
class Rehearsal:
    """A running rehearsal.

    Attributes:
        rehearsed: The account.
        steps: Steps so far.
        commit: The commit of ClaudeFS to deploy.
        runs: Number of workflow runs so far.
        without: A right that is denied to a role.
        rights: Use of the roles' rights; None if the rehearsal was not complete.
    """

    rehearsed: RehearsedAccount
    without: WithoutRight | None = None
    steps: list[RehearsedStep] = field(default_factory=list)
    commit: str = ""
    runs: int = 0
    rights: RightsUse | None = None

    def run_by_administrator(self, title: str, work: Callable[[], object]) -> None:
        """Run a function as a step of the administrator.

        Raises:
            RehearsalEndedError: The function failed; the step contains the problem.
        """
        began = time.monotonic()
        problem = ""
        try:
            work()
        except UserError as error:
            problem = f"{error.problem}\n{error.repair}"
        seconds = time.monotonic() - began
        self.add_step(RehearsedStep(title=title, role=ADMINISTRATOR, seconds=seconds, problem=problem))
        if problem:
            raise RehearsalEndedError

    def run_workflow(
        self,
        title: str,
        file: str,
        *,
        inputs: Mapping[str, str] | None = None,
        pull_request: bool = False,
        failing: str = "",
    ) -> RunResult:
        """Run a workflow, and compare its result with the expected one.

        Args:
            title: The run's description.
            file: The workflow's file name.
            inputs: Inputs of `workflow_dispatch`.
            pull_request: Whether a pull request triggers the run.
            failing: Title of the step that must fail; empty if all must succeed.
        """
        self.runs += 1
        result = self.rehearsed.runner.run_workflow(file, self._make_trigger(inputs or {}, pull_request=pull_request))
        failed = result.failed_step()
        for report in result.reports:
            unexpected = report is failed and report.title != failing
            if report.outcome != Outcome.SKIPPED and (report.seconds >= 1 or report.role or unexpected):
                problem = self._explain_failure(report.output) if unexpected else ""
                self.add_step(
                    RehearsedStep(
                        title=f"{title}: {report.job}: {report.title}",
                        role=report.role or "no role",
                        seconds=report.seconds,
                        problem=problem,
                    )
                )
        refusals = [f"{name}: {job.refusal}" for name, job in result.jobs.items() if job.refusal]
        self.expect_that(title, not refusals, "; ".join(refusals))
        self.expect_that(title, failed is not None or not failing, f"no step failed, but {failing!r} has to")
        return result

    def expect_that(self, title: str, holds: bool, problem: str) -> None:  # noqa: FBT001 — reads as an assertion
        """Add a failed step if an expectation does not hold."""
        if not holds:
            self.add_step(RehearsedStep(title=title, role=ADMINISTRATOR, seconds=0, problem=problem))

    def _make_trigger(self, inputs: Mapping[str, str], *, pull_request: bool) -> WorkflowTrigger:
        return WorkflowTrigger(
            event_name="pull_request" if pull_request else "workflow_dispatch",
            ref=f"refs/pull/{PULL_REQUEST}/merge" if pull_request else "refs/heads/main",
            sha=self.commit,
            actor=servers.LOCAL_OWNER,
            run_id=self.runs,
            inputs={} if pull_request else {"environment": GITHUB_ENVIRONMENT, **inputs},
            event={"pull_request": {"number": PULL_REQUEST, "head": {"repo": {"fork": False}}}} if pull_request else {},
        )

    def _explain_failure(self, output: str) -> str:
        denied = self.rehearsed.read_enforcement()["denials"]
        lines = [f"denied: {each['principal']}: {each['action']} on {each['resource']}" for each in denied[-3:]]
        return "\n".join([*lines, *output.splitlines()[-_OUTPUT_LINES:]])

    def add_step(self, step: RehearsedStep) -> None:
        """Record and print a step."""
        self.steps.append(step)
        console.print(
            f"{step.seconds:6.1f} s  {step.role:24} {step.title}{': WRONG' if step.problem else ''}",
            soft_wrap=True,
        )
        if step.problem:
            console.print(step.problem, soft_wrap=True)


def rehearse_short(rehearsal: Rehearsal) -> None:
    """Rehearse the way from an empty account to a version on all nodes."""
    rehearsed = rehearsal.rehearsed
    rehearsal.run_by_administrator("first deployment", lambda: first_deployment.deploy_first(rehearsed))
    if rehearsal.without is not None:
        _take_right(rehearsed, rehearsal.without)
    rehearsal.commit = first_deployment.prepare_repository(rehearsed)
    rehearsal.run_by_administrator("start the cluster", lambda: first_deployment.start_nodes(rehearsed))
    rehearsed.call_github("POST", f"/repos/{REPOSITORY}/pulls", _pull_request(rehearsed))
    preview = rehearsal.run_workflow("pull request", "pulumi-preview.yml", pull_request=True)
    rehearsal.expect_that(
        "pull request",
        "Nothing would change." in preview.jobs["preview"].summary,
        "the preview of what is deployed has changes",
    )
    rehearsal.run_workflow("deployment", "deploy-prod.yml")
    check_versions(rehearsal, "deployment", f"v0.0.0-1-g{rehearsal.commit[:7]}")


def rehearse_changes(rehearsal: Rehearsal) -> None:
    """Rehearse further deployments: no change, one that only an administrator may make, larger machines, and releases.

    It also interrupts nodes.
    """
    rehearsed = rehearsal.rehearsed
    rehearsal.run_workflow("nothing new", "deploy-prod.yml")
    _set_and_pin(rehearsed, "claudefs-infra:costCenter", "storage")
    rehearsal.run_workflow("what only a person may change", "deploy-prod.yml", failing="Preview")
    _set_and_pin(rehearsed, "claudefs-infra:costCenter", "")
    for key, value in (
        ("claudefs-infra:orchestratorDiskGib", "200"),
        ("claudefs-infra:orchestratorInstanceType", "c7a.4xlarge"),
    ):
        set_setting(rehearsed, key, value)
    rehearsed.pin_project()
    rehearsal.run_workflow("larger machines", "deploy-prod.yml", inputs={"cluster-size": "10"})
    before = rehearsed.node_versions()
    failing = "v0.8.0"
    _emulate_fault(rehearsed, f"probe:{failing}")
    rehearsal.commit = rehearsed.repository.release_version(failing)
    rehearsal.run_workflow("a release that fails", "deploy-prod.yml", inputs={"version": failing}, failing="Roll out")
    rehearsal.expect_that("a release that fails", rehearsed.node_versions() == before, "nodes have not returned")
    rehearsal.commit = rehearsed.repository.release_version("v0.8.1")
    rehearsal.run_workflow("a release", "deploy-prod.yml", inputs={"version": "v0.8.1"})
    check_versions(rehearsal, "a release", "v0.8.1")
    rehearsal.run_by_administrator("interrupt nodes", lambda: interrupt_nodes(rehearsed))
    check_versions(rehearsal, "interrupted nodes", "v0.8.1")


def rehearse_end(rehearsal: Rehearsal) -> None:
    """Destroy the environment, and compare the rights of its roles with their use."""
    rehearsed = rehearsal.rehearsed
    granted, scope = list_granted(rehearsed), find_rehearsed_scope(rehearsed)
    destroy = ("cfs", "destroy", "--environment", ENVIRONMENT, "--yes-destroy", ENVIRONMENT)
    rehearsal.run_by_administrator("destroy the environment", lambda: rehearsed.run_as_administrator(*destroy))
    rehearsal.rights = judge_rights(rehearsed, granted, scope)
    for problem in rehearsal.rights.problems:
        rehearsal.expect_that("rights", holds=False, problem=problem)


def rehearse_kills(rehearsal: Rehearsal, *, count: int) -> None:
    """Cancel deployments at many moments, and check the result of each following run."""
    began = time.monotonic()
    for kill in run_kills(rehearsal.rehearsed, count=count):
        moment = f"{kill.seconds:.1f} s" if kill.cancelled else "its end"
        title = f"{kill.step}, cancelled after {moment}: {len(kill.left)} in disorder, and run again"
        seconds, began = time.monotonic() - began, time.monotonic()
        problem = "; ".join(kill.problems)
        rehearsal.add_step(RehearsedStep(title=title, role=ADMINISTRATOR, seconds=seconds, problem=problem))


def _take_right(rehearsed: RehearsedAccount, without: WithoutRight) -> None:
    """Deny a role an action."""
    statement = {"Effect": "Deny", "Action": without.action, "Resource": "*"}
    rehearsed.connect_client("iam").put_role_policy(
        RoleName=without.role,
        PolicyName="rehearsed-without",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def check_versions(rehearsal: Rehearsal, title: str, version: str) -> None:
    """Check that every node runs a version."""
    versions = rehearsal.rehearsed.node_versions()
    rehearsal.expect_that(title, versions == {version}, f"nodes run {', '.join(sorted(versions)) or 'nothing'}")


def _pull_request(rehearsed: RehearsedAccount) -> Mapping[str, object]:
    """Create a branch with a change, and return the request body of its pull request."""
    path = f"/repos/{REPOSITORY}"
    head = rehearsed.call_github("GET", f"{path}/git/ref/heads/main")["object"]["sha"]
    rehearsed.call_github("POST", f"{path}/git/refs", {"ref": "refs/heads/change", "sha": head})
    change = {"message": "A change", "content": "", "branch": "change"}
    rehearsed.call_github("PUT", f"{path}/contents/.github/change", change)
    return {"title": "A change", "head": "change", "base": "main"}


def _set_and_pin(rehearsed: RehearsedAccount, key: str, value: str) -> None:
    if value:
        set_setting(rehearsed, key, value)
    else:
        rehearsed.run_as_administrator("pulumi", "config", "rm", key, "--stack", ENVIRONMENT)
    rehearsed.pin_project()


def _emulate_fault(rehearsed: RehearsedAccount, fault: str) -> None:
    """Set a fault on the cluster's last node."""
    node = max(rehearsed.find_nodes(), key=lambda tags: (tags["NodeGroup"], tags["InstanceId"]))
    rehearsed.connect_client("ec2").create_tags(
        Resources=[node["InstanceId"]], Tags=[{"Key": "EmulatedFault", "Value": fault}]
    )


@contextmanager
def rehearsal_folder(*, keep: bool) -> Iterator[Path]:
    """Create a folder for the rehearsal's account; at the end, unless `keep`, stop its emulators and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="cfs-rehearsal-"))
    before = os.environ.get("CFS_LOCAL_DIR")
    os.environ["CFS_LOCAL_DIR"] = str(folder / "account")
    try:
        yield folder
    finally:
        if keep:
            console.print(f"The account is in {folder}; stop it: CFS_LOCAL_DIR={folder}/account make down")
        else:
            servers.stop_emulators(folder / "account")
            shutil.rmtree(folder, ignore_errors=True)
        if before is None:
            del os.environ["CFS_LOCAL_DIR"]
        else:
            os.environ["CFS_LOCAL_DIR"] = before


def run_rehearsal(*, short: bool, keep: bool, without: WithoutRight | None, kills: int = 0) -> Rehearsal:
    """Rehearse on a new account that enforces IAM.

    Args:
        short: End after the first deployment by GitHub's jobs.
        keep: Keep the account and its folder.
        without: A right to deny a role.
        kills: Number of deployments to cancel in each step that changes something.
    """
    with rehearsal_folder(keep=keep) as folder:
        rehearsal = Rehearsal(rehearsed=set_up_account(folder, watch=nobody_cancels), without=without)
        rehearsal.rehearsed.enforce_iam()
        try:
            rehearse_short(rehearsal)
            if not short and not find_problems(rehearsal):
                rehearse_changes(rehearsal)
            if kills and not find_problems(rehearsal):
                rehearse_kills(rehearsal, count=kills)
            if not short and not find_problems(rehearsal):
                rehearse_end(rehearsal)
        except RehearsalEndedError:
            pass
        except UserError as error:
            rehearsal.expect_that("the rehearsal", holds=False, problem=f"{error.problem}\n{error.repair}")
        return rehearsal


def parse_without(text: str) -> WithoutRight | None:
    """Parse `ROLE=SERVICE:ACTION`; return None for an empty text."""
    if not text:
        return None
    role, _, action = text.partition("=")
    if not role or ":" not in action:
        raise UserError(
            f"--without is {text!r}: a role and one of its actions are needed.",
            repair="write it as claudefs-prod-deploy=s3:GetObject",
        )
    return WithoutRight(role=role, action=action)


def find_problems(rehearsal: Rehearsal) -> list[RehearsedStep]:
    """Return the steps with a problem."""
    return [step for step in rehearsal.steps if step.problem]


def rehearsal_report(rehearsal: Rehearsal) -> CommandResult:
    """Return the report of all steps, with roles and durations."""
    wrong = find_problems(rehearsal)
    seconds = sum(step.seconds for step in rehearsal.steps)
    return CommandResult(
        table=ResultTable(
            title="Rehearsal of a real account",
            columns=("step", "role", "seconds", "result"),
            rows=[
                (step.title, step.role, f"{step.seconds:.1f}", "WRONG" if step.problem else "as expected")
                for step in rehearsal.steps
            ],
        ),
        notes=[
            *(f"{step.title}: {step.problem}" for step in wrong),
            *([rights_summary(rehearsal.rights)] if rehearsal.rights else []),
            f"{len(rehearsal.steps)} steps, {len(wrong)} wrong, {seconds:.0f} s",
        ],
        figures={
            "steps": [
                {"title": step.title, "role": step.role, "seconds": round(step.seconds, 1), "problem": step.problem}
                for step in rehearsal.steps
            ],
            "rights": to_figures(rehearsal.rights) if rehearsal.rights else None,
            "wrong": len(wrong),
            "seconds": round(seconds, 1),
        },
        exit_code=1 if wrong else 0,
    )
