"""Runs a workflow: its jobs in the order of their needs, under GitHub's rules for which jobs run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from measure.rehearsal.action_standins import clone_commit
from measure.rehearsal.expressions import ExpressionContext, expand_text, is_condition_met
from measure.rehearsal.job_runs import JobRequest, JobRun, StepReport, matrix_values
from measure.rehearsal.job_settings import read_job_settings
from measure.rehearsal.script_process import Outcome
from measure.rehearsal.workflow_files import read_workflow
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from measure.rehearsal.expressions import Value
    from measure.rehearsal.runner_host import RunnerHost, WorkflowTrigger
    from measure.rehearsal.workflow_files import Workflow, WorkflowJob

WORKFLOWS_FOLDER = ".github/workflows"


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """The result of a job, or of all jobs of a matrix.

    Attributes:
        outcome: The outcome.
        outputs: The job's outputs.
        reports: Results of the steps.
        summary: The job's part of the run's summary page.
        refusal: The reason why the job could not start; empty if it did.
    """

    outcome: Outcome
    outputs: Mapping[str, Value] = field(default_factory=dict)
    reports: tuple[StepReport, ...] = ()
    summary: str = ""
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The result of a run.

    Attributes:
        jobs: Results of the jobs by name.
    """

    jobs: Mapping[str, JobResult]

    @property
    def outcome(self) -> Outcome:
        """The outcome of the whole run."""
        outcomes = {job.outcome for job in self.jobs.values()}
        for outcome in (Outcome.FAILURE, Outcome.CANCELLED):
            if outcome in outcomes:
                return outcome
        return Outcome.SUCCESS

    @property
    def reports(self) -> list[StepReport]:
        """The steps of all jobs."""
        return [report for job in self.jobs.values() for report in job.reports]

    def failed_step(self) -> StepReport | None:
        """Return the first step that failed."""
        return next((report for report in self.reports if report.outcome == Outcome.FAILURE), None)


@dataclass(frozen=True, kw_only=True)
class WorkflowRunner:
    """Runs workflows of one repository.

    Attributes:
        host: The runner.
        reusable: Stand-ins for reusable workflows, by file name; each takes the run's artifact folder and commit, and
            writes the workflow's artifacts.
    """

    host: RunnerHost
    reusable: Mapping[str, Callable[[Path, str], None]]

    def run_workflow(self, file: str, trigger: WorkflowTrigger) -> RunResult:
        """Run a workflow of the repository at the trigger's commit.

        Args:
            file: The workflow's file name.
            trigger: The run's trigger.
        """
        checkout = self.host.folder / "runs" / f"{trigger.run_id}-{trigger.run_attempt}" / "workflow"
        artifacts = self.host.folder / "runs" / str(trigger.run_id) / "artifacts"
        shutil.rmtree(checkout, ignore_errors=True)
        artifacts.mkdir(parents=True, exist_ok=True)
        clone_commit(self.host.repositories[self.host.repository], checkout, trigger.sha)
        workflow = read_workflow(checkout / WORKFLOWS_FOLDER / file)
        run = _WorkflowRun(runner=self, workflow=workflow, trigger=trigger, checkout=checkout, artifacts=artifacts)
        for name in _needed_order(workflow):
            run.results[name] = run.run_job(name)
        return RunResult(jobs=run.results)

    def find_reusable(self, job: WorkflowJob) -> Callable[[Path, str], None]:
        """Return the stand-in for the reusable workflow that a job calls."""
        standin = self.reusable.get(job.uses.rpartition("/")[2])
        if standin is None:
            raise UserError(
                f"A job calls {job.uses}, for which the rehearsal has no stand-in.",
                repair="add one where the WorkflowRunner is created",
            )
        return standin


@dataclass(kw_only=True)
class _WorkflowRun:
    runner: WorkflowRunner
    workflow: Workflow
    trigger: WorkflowTrigger
    checkout: Path
    artifacts: Path
    results: dict[str, JobResult] = field(default_factory=dict)

    def run_job(self, name: str) -> JobResult:
        job = self.workflow.jobs[name]
        contexts = self._collect_contexts(job)
        context = self._job_context(job, contexts, name)
        if not is_condition_met(job.condition, context):
            return JobResult(outcome=Outcome.SKIPPED)
        if job.uses:
            self.runner.find_reusable(job)(self.artifacts, self.trigger.sha)
            return JobResult(outcome=Outcome.SUCCESS)
        return _joined_result(
            [self._run_with_matrix(name, context, values, contexts) for values in matrix_values(job, context)]
        )

    def _run_with_matrix(
        self, name: str, context: ExpressionContext, values: Mapping[str, Value], contexts: Mapping[str, Value]
    ) -> JobResult:
        job, host = self.workflow.jobs[name], self.runner.host
        with_matrix = ExpressionContext(values={**context.values, "matrix": values}, functions=context.functions)
        environment = expand_text(job.environment, with_matrix)
        try:
            settings = read_job_settings(host.account, environment=environment, trigger=self.trigger)
        except UserError as refusal:
            return JobResult(outcome=Outcome.FAILURE, refusal=refusal.problem)
        run = JobRun(
            request=JobRequest(
                name=name,
                job=job,
                environment=environment,
                trigger=self.trigger,
                host=host,
                settings=settings,
                contexts={**contexts, "matrix": values},
                checkout=self.checkout,
                artifacts=self.artifacts,
            )
        )
        outcome = run.run_job()
        return JobResult(outcome=outcome, outputs=run.read_outputs(), reports=tuple(run.reports), summary=run.summary)

    def _collect_contexts(self, job: WorkflowJob) -> dict[str, Value]:
        needs = {need: self.results[need] for need in job.needs}
        return {
            "inputs": {**self.workflow.default_inputs(), **self.trigger.inputs},
            "needs": {need: {"result": str(done.outcome), "outputs": done.outputs} for need, done in needs.items()},
        }

    def _job_context(self, job: WorkflowJob, contexts: Mapping[str, Value], name: str) -> ExpressionContext:
        host = self.runner.host
        settings = read_job_settings(host.account, environment="", trigger=self.trigger)
        outcomes = {self.results[need].outcome for need in job.needs}
        return ExpressionContext(
            values={**contexts, "vars": settings.variables, "github": self.trigger.github_context(host, job=name)},
            functions={
                "always": lambda: True,
                "cancelled": lambda: Outcome.CANCELLED in outcomes,
                "failure": lambda: Outcome.FAILURE in outcomes,
                "success": lambda: outcomes <= {Outcome.SUCCESS},
            },
        )


def _needed_order(workflow: Workflow) -> list[str]:
    """Return the jobs in an order in which each follows those that it needs; GitHub rejects cycles."""
    order: list[str] = []
    while left := [name for name in workflow.jobs if name not in order]:
        order.append(next(name for name in left if set(workflow.jobs[name].needs) <= set(order)))
    return order


def _joined_result(results: list[JobResult]) -> JobResult:
    if not results:
        return JobResult(outcome=Outcome.SKIPPED)
    if len(results) == 1:
        return results[0]
    outcomes = {result.outcome for result in results}
    worst = next(o for o in (Outcome.FAILURE, Outcome.CANCELLED, Outcome.SUCCESS) if o in outcomes)
    return JobResult(
        outcome=worst,
        reports=tuple(report for result in results for report in result.reports),
        summary="".join(result.summary for result in results),
        refusal=" ".join(filter(None, (result.refusal for result in results))),
    )
