"""Environments: each is one stack with its settings, engine and AWS account."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cfs.remote_engine import RemoteEngine
from cfs.stack_lock import locks_path, parse_lock_file
from infra.config.settings_file import read_stack_config
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine
    from cfs.stack_lock import HeldLock


@dataclass(frozen=True, kw_only=True)
class StackEnvironment(ABC):
    """An environment: one stack of the Pulumi project.

    Attributes:
        name: The stack's name.
    """

    name: str

    @property
    def settings_file(self) -> Path:
        """The stack's settings file."""
        return PROJECT_FOLDER / f"Pulumi.{self.name}.yaml"

    @cached_property
    def aws_region(self) -> str:
        """The region in the stack's settings."""
        settings = self.settings_file
        region = read_stack_config(settings).get("aws:region")
        if not isinstance(region, str):
            raise UserError(
                f"{settings} does not set aws:region.",
                repair=f"pulumi config set aws:region us-west-2 --stack {self.name}",
            )
        return region

    @property
    @abstractmethod
    def is_emulated(self) -> bool:
        """Whether the account is emulated."""

    @abstractmethod
    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        """Return the environment's AWS account.

        Args:
            region: Region; None for the one in the stack's settings.
        """

    @abstractmethod
    def credential_variables(self) -> Mapping[str, str]:
        """Return environment variables that include the account's credentials."""

    @abstractmethod
    def open_engine(self) -> StackEngine:
        """Return the engine for the environment's stack; get Pulumi if it is missing."""

    @abstractmethod
    def state_bucket_name(self) -> str | None:
        """Return the bucket with the stack's state; None for a state in a folder."""

    @abstractmethod
    def read_held_locks(self) -> list[HeldLock]:
        """Return the locks on the environment's stack, read from the backend without the engine."""

    @property
    @abstractmethod
    def redeploy_command(self) -> str:
        """The command that restores what was changed or deleted outside Pulumi."""


@dataclass(frozen=True, kw_only=True)
class RealEnvironment(StackEnvironment):
    """An environment in a real account, with the caller's AWS credentials and Pulumi login."""

    @property
    def is_emulated(self) -> bool:
        """False."""
        return False

    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        """Return the account of the caller's credentials."""
        from cfs.sessions import connect_caller  # noqa: PLC0415 — importing boto3 takes a quarter of a second

        return connect_caller(region=region or self.aws_region)

    def credential_variables(self) -> Mapping[str, str]:
        """Return the caller's environment."""
        return os.environ

    def open_engine(self) -> StackEngine:
        """Return the engine for the stack in the caller's backend."""
        return RemoteEngine.open_remote(self.name)

    def state_bucket_name(self) -> str:
        """Return the bucket in the settings, or the one that `cfs bootstrap` creates."""
        from infra.config.stack_settings import read_stack_settings  # noqa: PLC0415 — importing pydantic takes a while
        from infra.scope import Scope  # noqa: PLC0415 — as above

        aws = self.connect_aws()
        account_id = aws.account_id()
        settings = read_stack_settings(
            self.name, self.settings_file, defaults={"aws:allowedAccountIds": f'["{account_id}"]'}
        )
        scope = Scope(account_id=account_id, region=aws.region, environment=self.name)
        return settings.adopt_state_bucket or scope.bucket_name("state")

    def read_held_locks(self) -> list[HeldLock]:
        """Return the locks in the state bucket."""
        aws, bucket = self.connect_aws(), self.state_bucket_name()
        return [
            parse_lock_file(
                PurePosixPath(item["Key"]).name,
                aws.call_operation("s3", "get_object", Bucket=bucket, Key=item["Key"])["Body"].read(),
            )
            for item in aws.list_items("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=locks_path(self.name))
        ]

    @property
    def redeploy_command(self) -> str:
        """Refresh and deploy."""
        return f"cfs refresh --environment {self.name} && pulumi up --yes --skip-preview --stack {self.name}"


_OPENER_BY_NAME: dict[str, Callable[[], StackEnvironment]] = {}


def register_environment(name: str, opener: Callable[[], StackEnvironment]) -> None:
    """Register the function that opens an environment which is not in a real account."""
    _OPENER_BY_NAME[name] = opener


def find_stack_environment(name: str) -> StackEnvironment:
    """Return the environment with a name, without connecting to its account or backend."""
    known = sorted(path.name.split(".")[1] for path in PROJECT_FOLDER.glob("Pulumi.*.yaml"))
    if name not in known:
        raise UserError(
            f"There is no environment {name!r}: {PROJECT_FOLDER} has no Pulumi.{name}.yaml.",
            repair=f"give one of these to --environment: {', '.join(known)}",
        )
    opener = _OPENER_BY_NAME.get(name)
    return opener() if opener else RealEnvironment(name=name)
