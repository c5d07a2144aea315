"""Engine for a stack in a real account, with the caller's Pulumi login and AWS credentials."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.engine import StackEngine
from infra.config.variables import find_redirects
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError
from toolchain import obtain_toolchain

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain import Toolchain


@dataclass(frozen=True, kw_only=True)
class RemoteEngine(StackEngine):
    """Engine for a stack in a real account, with the caller's environment variables.

    Attributes:
        environment_name: The stack's name.
        toolchain: The Pulumi to run.
        answer_seconds: Longer than the default: a refresh reads every resource from AWS and GitHub.
    """

    environment_name: str
    toolchain: Toolchain
    answer_seconds: float = 1200.0

    @property
    def stack_name(self) -> str:
        """The stack's name."""
        return self.environment_name

    @classmethod
    def open_remote(cls, stack: str) -> RemoteEngine:
        """Return the engine for a stack in the caller's backend; get Pulumi if it is missing."""
        return cls(environment_name=stack, toolchain=obtain_toolchain())

    @property
    def work_folder(self) -> Path:
        """The project's folder `.local`."""
        return PROJECT_FOLDER / ".local"

    def read_deployment(self) -> dict[str, Any]:
        """Return the state that the backend exports."""
        deployment: dict[str, Any] = self.query_json("stack", "export").get("deployment") or {}
        return deployment

    def recover_stack(self) -> bool:
        """Return False; `cfs deploy recover` repairs the stack, as it knows which run holds the lock."""
        return False

    @property
    def engine_version(self) -> str:
        """The engine's version."""
        return self.toolchain.version

    def process_environment(self) -> dict[str, str]:
        """Return the caller's environment, with this Pulumi first in PATH and no variables that redirect requests."""
        path = os.pathsep.join([*map(str, self.toolchain.path), os.environ.get("PATH", os.defpath)])
        redirects = find_redirects(os.environ)
        kept = {name: value for name, value in os.environ.items() if name not in redirects}
        return {**kept, **self.toolchain.env, "PATH": path}

    def _raise_known_error(self, said: str) -> None:
        if "no stack named" in said:
            raise UserError(
                f"The backend has no stack {self.stack_name}.",
                repair=f"log in to the backend that has it (PULUMI_BACKEND_URL), or create it: "
                f"cfs bootstrap --environment {self.stack_name}",
            )
        if "PULUMI_ACCESS_TOKEN must be set" in said or "pulumi login" in said:
            raise UserError(
                "Pulumi is not logged in to a backend.",
                repair="set PULUMI_BACKEND_URL to the state bucket: the stack's output stateBucket names it",
            )
        if "passphrase must be set" in said:
            settings = f"Pulumi.{self.stack_name}.yaml"
            raise UserError(
                f"{settings} does not name the key of the stack's secrets, and no passphrase is set.",
                repair=f"deploy the commit whose {settings} has `secretsprovider` and `encryptedkey` (jobs: "
                "gh variable set INFRA_REF --body COMMIT); if the stack has a passphrase, set PULUMI_CONFIG_PASSPHRASE",
            )
        super()._raise_known_error(said)

    def _repair_of_lock(self) -> str:
        return (
            f"wait for it to end; if it is dead: pulumi cancel --stack {self.stack_name}, "
            f"then cfs deploy recover --environment {self.stack_name}"
        )

    def _repair_of_silence(self) -> str:
        return "run it again"
