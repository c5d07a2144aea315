"""The environments that commands work on: settings, engine and account of one stack."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import yaml

from cfs.remote_engine import RemoteEngine
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine


@dataclass(frozen=True, kw_only=True)
class StackEnvironment(ABC):
    """One environment, which is one stack of the Pulumi project.

    Attributes:
        name: The stack's name.
    """

    name: str

    @property
    def settings_file(self) -> Path:
        """The file with its settings."""
        return PROJECT_FOLDER / f"Pulumi.{self.name}.yaml"

    @cached_property
    def aws_region(self) -> str:
        """The region of its settings."""
        settings = self.settings_file
        region = (yaml.safe_load(settings.read_text(encoding="utf-8")) or {}).get("config", {}).get("aws:region")
        if not isinstance(region, str):
            raise UserError(
                f"{settings} does not set aws:region.",
                repair=f"pulumi config set aws:region us-west-2 --stack {self.name}",
            )
        return region

    @property
    @abstractmethod
    def is_emulated(self) -> bool:
        """Whether its account is an emulated one."""

    @abstractmethod
    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        """Return its account.

        Args:
            region: Another region than that of its settings.
        """

    @abstractmethod
    def credential_variables(self) -> Mapping[str, str]:
        """Return the environment variables that hold its credentials."""

    @abstractmethod
    def open_engine(self) -> StackEngine:
        """Get Pulumi, ready to work on the environment's stack."""


@dataclass(frozen=True, kw_only=True)
class RealEnvironment(StackEnvironment):
    """An environment in a real account, reached with the caller's own credentials and login."""

    @property
    def is_emulated(self) -> bool:
        """False: it is in AWS."""
        return False

    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        """Return the account of the caller's credentials."""
        from cfs.sessions import connect_caller  # noqa: PLC0415 — boto3 takes a quarter of a second, needed rarely

        return connect_caller(region=region or self.aws_region)

    def credential_variables(self) -> Mapping[str, str]:
        """Return the caller's environment."""
        return os.environ

    def open_engine(self) -> StackEngine:
        """Get Pulumi for the caller's backend."""
        return RemoteEngine.open_remote(self.name)


_OPENER_BY_NAME: dict[str, Callable[[], StackEnvironment]] = {}


def register_environment(name: str, opener: Callable[[], StackEnvironment]) -> None:
    """Have an environment opened by a function of its own: the emulated account registers itself so."""
    _OPENER_BY_NAME[name] = opener


def find_stack_environment(name: str) -> StackEnvironment:
    """Return the environment of this name, without reaching for it yet."""
    known = sorted(path.name.split(".")[1] for path in PROJECT_FOLDER.glob("Pulumi.*.yaml"))
    if name not in known:
        raise UserError(
            f"There is no environment {name!r}: {PROJECT_FOLDER} has no Pulumi.{name}.yaml.",
            repair=f"give one of these to --environment: {', '.join(known)}",
        )
    opener = _OPENER_BY_NAME.get(name)
    return opener() if opener else RealEnvironment(name=name)
