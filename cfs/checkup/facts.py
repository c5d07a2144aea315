"""What the checks of an environment have in common: its settings, its account, and the state of its stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.engine import EngineError
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from cfs.aws import AwsAccount
    from cfs.environments import StackEnvironment
    from infra.config.settings import Settings
    from infra.scope import Scope

_ROOT_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class RecordedStack:
    """A stack's state.

    Attributes:
        resources: Resources as the engine exports them; empty before the first deployment.
        pending: Names of the resources whose creation a dead run has not recorded.
        engine_version: Version of the engine that read it; "" if it cannot be read.
        problem: Why the state cannot be read; None if it can.
    """

    resources: tuple[Mapping[str, Any], ...] = ()
    pending: tuple[str, ...] = ()
    engine_version: str = ""
    problem: UserError | None = None

    @property
    def is_deployed(self) -> bool:
        """Whether the state has resources in the account."""
        return any(resource["type"].startswith("aws:") for resource in self.resources)

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs."""
        return next((found.get("outputs") or {} for found in self.resources if found["type"] == _ROOT_TYPE), {})

    def list_recorded(self, *types: str) -> Iterator[Mapping[str, Any]]:
        """Yield the created resources of the given types."""
        return (found for found in self.resources if found["type"] in types and found.get("id"))


@dataclass(frozen=True, kw_only=True)
class EnvironmentFacts:
    """An environment under examination.

    Attributes:
        environment: The environment.
        settings: Its settings.
        aws: Its account.
        scope: Its scope in the account.
        reading: The state, which is read while the first checks run.
    """

    environment: StackEnvironment
    settings: Settings
    aws: AwsAccount
    scope: Scope
    reading: Future[RecordedStack]

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    @property
    def stack(self) -> RecordedStack:
        """The state of the stack; waits until it is read."""
        return self.reading.result()

    @property
    def region_option(self) -> str:
        """Option for the region of an `aws` command."""
        return f"--region {self.aws.region}"


def read_recorded_stack(environment: StackEnvironment) -> RecordedStack:
    """Read a stack's state; a failure becomes part of the result."""
    try:
        engine = environment.open_engine()
        deployment = engine.read_deployment()
    except UserError as error:
        return RecordedStack(problem=error)
    except EngineError as error:
        return RecordedStack(problem=UserError(str(error), repair=f"pulumi stack export --stack {environment.name}"))
    return RecordedStack(
        resources=tuple(deployment.get("resources") or ()),
        pending=tuple(
            operation["resource"]["urn"].rpartition("::")[2] for operation in deployment.get("pending_operations") or ()
        ),
        engine_version=engine.engine_version,
    )
