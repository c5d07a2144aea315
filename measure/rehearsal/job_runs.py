"""Runs a job: its steps in order, with the state passed between them, under the identity of its environment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from measure.rehearsal.action_standins import ActionCall, StepError, find_standin
from measure.rehearsal.emulator_requests import send_request
from measure.rehearsal.expressions import ExpressionContext, expand_text, expand_value, is_condition_met
from measure.rehearsal.runner_host import context_variables
from measure.rehearsal.script_process import Outcome, ScriptResult, kill_session, run_script
from measure.rehearsal.workflow_files import read_action

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from measure.rehearsal.expressions import Value
    from measure.rehearsal.job_settings import JobSettings
    from measure.rehearsal.runner_host import RunnerHost, WorkflowTrigger
    from measure.rehearsal.workflow_files import WorkflowJob, WorkflowStep

DEFAULT_STEP_MINUTES = 15.0
"""Default time limit of a step in minutes, longer than any step of a rehearsal takes; GitHub's default is six hours."""

ROLE_SESSION_VARIABLE = "AWS_SESSION_TOKEN"
_OWN_ACTIONS = "$/"


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """The result of a step.

    Attributes:
        job: The job's name in the file.
        title: The step's title on GitHub.
        role: The AWS role of the step; empty without one.
        outcome: The outcome.
        seconds: The duration in seconds.
        output: The step's output.
    """

    job: str
    title: str
    role: str
    outcome: Outcome
    seconds: float
    output: str = ""


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A job to run.

    Attributes:
        name: The job's name in the file.
        job: The job's definition.
        environment: The GitHub environment; empty without one.
        trigger: The run's trigger.
        host: The runner.
        settings: Variables and secrets.
        contexts: The contexts `inputs`, `matrix` and `needs`.
        checkout: A checkout of the workflow's commit, for the repository's own actions.
        artifacts: Folder of the run's artifacts.
    """

    name: str
    job: WorkflowJob
    environment: str
    trigger: WorkflowTrigger
    host: RunnerHost
    settings: JobSettings
    contexts: Mapping[str, Value]
    checkout: Path
    artifacts: Path


@dataclass(kw_only=True)
class JobRun:
    """A running job.

    Attributes:
        request: The job to run.
        variables: The environment of the next step.
        role: The AWS role that the job has assumed.
        steps: The context `steps`.
        reports: Results of the steps so far.
        summary: The job's part of the run's summary page.
    """

    request: JobRequest
    variables: dict[str, str] = field(default_factory=dict)
    role: str = ""
    steps: dict[str, Value] = field(default_factory=dict)
    reports: list[StepReport] = field(default_factory=list)
    summary: str = ""
    _failed: bool = False
    _cancelled: bool = False
    _sessions: list[int] = field(default_factory=list)

    def run_job(self) -> Outcome:
        """Run all steps, and return the job's outcome."""
        request = self.request
        request.host.empty_workspace()
        github = request.trigger.github_context(request.host, job=request.name)
        self.variables = {**request.host.base_variables(), **context_variables(github), **self._identity_variables()}
        try:
            for step in request.job.steps:
                self._run_step(step, inputs=None)
        finally:
            for session in self._sessions:
                kill_session(session)
        return self.outcome

    @property
    def outcome(self) -> Outcome:
        """The job's outcome so far."""
        if self._cancelled:
            return Outcome.CANCELLED
        return Outcome.FAILURE if self._failed else Outcome.SUCCESS

    def read_outputs(self) -> dict[str, Value]:
        """Return the job's outputs."""
        context = self._make_context(inputs=None)
        return {name: expand_text(text, context) for name, text in self.request.job.outputs.items()}

    def _identity_variables(self) -> dict[str, str]:
        """Return GitHub's variables to request a token, or none if the job's permissions do not allow it."""
        request = self.request
        if request.job.permissions.get("id-token") != "write":
            return {}
        trigger = request.trigger
        body = {
            "repository": request.host.repository,
            "environment": request.environment or None,
            "ref": trigger.ref,
            "event_name": trigger.event_name,
            "sha": trigger.sha,
            "run_id": str(trigger.run_id),
            "actor": trigger.actor,
        }
        url = f"{request.host.account.github_url}/_control/jobs"
        variables: dict[str, str] = send_request(url, "POST", body)
        return variables

    def _make_context(
        self, *, inputs: Mapping[str, str] | None, env: Mapping[str, str] | None = None
    ) -> ExpressionContext:
        request = self.request
        values: dict[str, Value] = {
            **request.contexts,
            "github": request.trigger.github_context(request.host, job=request.name),
            "vars": request.settings.variables,
            "secrets": request.settings.secrets,
            "steps": self.steps,
            "env": env or {},
        }
        if inputs is not None:
            values["inputs"] = inputs
        functions = {
            "always": lambda: True,
            "cancelled": lambda: self._cancelled,
            "failure": lambda: self._failed,
            "success": lambda: not (self._failed or self._cancelled),
        }
        return ExpressionContext(values=values, functions=functions)

    def _run_step(self, step: WorkflowStep, *, inputs: Mapping[str, str] | None) -> None:
        context = self._make_context(inputs=inputs)
        if not is_condition_met(step.condition, context):
            self._record_step(step, ScriptResult(outcome=Outcome.SKIPPED), seconds=0)
            return
        began = time.monotonic()
        variables = {**self.variables, **{name: expand_text(text, context) for name, text in step.env.items()}}
        if step.uses.startswith(_OWN_ACTIONS):
            self._run_composite(step, context)
            return
        result = self._run_script(step, variables, context) if step.run else self._run_action(step, variables, context)
        self._record_step(step, result, seconds=time.monotonic() - began)

    def _run_script(self, step: WorkflowStep, variables: Mapping[str, str], context: ExpressionContext) -> ScriptResult:
        result = run_script(
            expand_text(step.run, context),
            folder=self.request.host.workspace,
            variables=variables,
            timeout_seconds=60 * (step.timeout_minutes or DEFAULT_STEP_MINUTES),
            is_cancelled=self.request.host.watch(step.title),
        )
        self._sessions.append(result.session)
        return result

    def _run_action(self, step: WorkflowStep, variables: Mapping[str, str], context: ExpressionContext) -> ScriptResult:
        standin = find_standin(step.uses)
        inputs = {name: expand_text(text, context) for name, text in step.inputs.items()}
        call = ActionCall(host=self.request.host, inputs=inputs, variables=variables, artifacts=self.request.artifacts)
        try:
            set_variables = standin(call)
        except StepError as error:
            return ScriptResult(outcome=Outcome.FAILURE, output=str(error))
        if ROLE_SESSION_VARIABLE in set_variables:
            self.role = inputs["role-to-assume"].rpartition("/")[2]
        return ScriptResult(outcome=Outcome.SUCCESS, variables=set_variables)

    def _run_composite(self, step: WorkflowStep, context: ExpressionContext) -> None:
        """Run the steps of one of the repository's own actions, which see only its inputs."""
        action = read_action(self.request.checkout / step.uses.removeprefix(_OWN_ACTIONS) / "action.yml")
        given = {name: expand_text(text, context) for name, text in step.inputs.items()}
        inputs = {name: given.get(name, declared.default) for name, declared in action.inputs.items()}
        for inner in action.runs.steps:
            self._run_step(inner, inputs=inputs)

    def _record_step(self, step: WorkflowStep, result: ScriptResult, *, seconds: float) -> None:
        self.variables |= result.variables
        self.summary += result.summary
        self._failed = self._failed or result.outcome == Outcome.FAILURE
        self._cancelled = self._cancelled or result.outcome == Outcome.CANCELLED
        if step.id:
            self.steps[step.id] = {"outputs": dict(result.outputs), "outcome": str(result.outcome)}
        self.reports.append(
            StepReport(
                job=self.request.name,
                title=step.title,
                role=self.role,
                outcome=result.outcome,
                seconds=seconds,
                output=result.output,
            )
        )


def matrix_values(job: WorkflowJob, context: ExpressionContext) -> list[dict[str, Value]]:
    """Return the combinations of a job's matrix, which must have one dimension; a single empty one without a matrix."""
    if job.strategy is None:
        return [{}]
    [(name, values)] = job.strategy.matrix.items()
    entries = expand_value(values, context) if isinstance(values, str) else values
    return [{name: entry} for entry in entries] if isinstance(entries, list) else []
