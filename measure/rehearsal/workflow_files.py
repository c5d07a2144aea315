"""Types of workflow files and composite actions. An unknown key is an error, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from pathlib import Path

_Texts = Annotated[dict[str, str], BeforeValidator(lambda table: {name: _as_text(v) for name, v in table.items()})]
_Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class WorkflowStep(_Part):
    """A step of a job or of a composite action: a script (`run`) or an action (`uses`)."""

    id: str = ""
    name: str = ""
    condition: Annotated[str, BeforeValidator(_as_text)] = Field(default="", alias="if")
    run: str = ""
    shell: str = "bash"
    uses: str = ""
    inputs: _Texts = Field(default_factory=dict, alias="with")
    env: _Texts = Field(default_factory=dict)
    timeout_minutes: float | None = Field(default=None, alias="timeout-minutes")

    @property
    def title(self) -> str:
        """The step's title on GitHub."""
        return self.name or self.uses.partition("@")[0] or self.run.splitlines()[0]


class JobStrategy(_Part):
    """The matrix of a job."""

    matrix: dict[str, Any]
    fail_fast: bool = Field(default=True, alias="fail-fast")


class WorkflowJob(_Part):
    """A job: steps, or the reusable workflow that it calls."""

    name: str = ""
    needs: _Names = ()
    condition: Annotated[str, BeforeValidator(_as_text)] = Field(default="", alias="if")
    runs_on: str = Field(default="", alias="runs-on")
    timeout_minutes: float | None = Field(default=None, alias="timeout-minutes")
    environment: str = ""
    permissions: dict[str, str] = Field(default_factory=dict)
    outputs: _Texts = Field(default_factory=dict)
    strategy: JobStrategy | None = None
    uses: str = ""
    steps: tuple[WorkflowStep, ...] = ()


class Workflow(_Part):
    """A workflow file."""

    name: str
    run_name: str = Field(default="", alias="run-name")
    triggers: Any = Field(alias="on")
    permissions: dict[str, str] = Field(default_factory=dict)
    concurrency: dict[str, Any] = Field(default_factory=dict)
    defaults: dict[str, Any] = Field(default_factory=dict)
    env: _Texts = Field(default_factory=dict)
    jobs: dict[str, WorkflowJob]

    def default_inputs(self) -> dict[str, str]:
        """Return the default inputs of `workflow_dispatch`."""
        inputs = (self.triggers.get("workflow_dispatch") or {}).get("inputs", {})
        return {name: _as_text(declared.get("default", "")) for name, declared in inputs.items()}


class _ActionInput(_Part):
    description: str = ""
    required: bool = False
    default: str = ""


class _CompositeRuns(_Part):
    using: str
    steps: tuple[WorkflowStep, ...]


class CompositeAction(_Part):
    """A composite action in the repository."""

    name: str
    description: str = ""
    inputs: dict[str, _ActionInput] = Field(default_factory=dict)
    runs: _CompositeRuns


def read_workflow(file: Path) -> Workflow:
    """Read a workflow file."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    # YAML 1.1 parses the key `on` as a boolean.
    return Workflow.model_validate({"on" if key is True else key: value for key, value in document.items()})


def read_action(file: Path) -> CompositeAction:
    """Read a composite action's file."""
    return CompositeAction.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
