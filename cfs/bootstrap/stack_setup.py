"""Creates a stack in its backend, with the key of its secrets, and writes its settings."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.bootstrap.steps import Step
from infra.config.settings_file import read_settings_file
from infra.naming import CONFIG_NAMESPACE
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cfs.bootstrap.state_bucket import EnvironmentBucket
    from cfs.bootstrap.state_key import StateKey
    from cfs.engine import StackEngine

BACKEND_VARIABLE = "PULUMI_BACKEND_URL"


@dataclass(frozen=True, kw_only=True)
class StackSetup:
    """Setup of a stack in its backend.

    Attributes:
        settings_file: The stack's settings file.
        bucket: Bucket of the stack's state.
        key: Key of the stack's secrets.
        open_engine: Returns the stack's engine.
    """

    settings_file: Path
    bucket: EnvironmentBucket
    key: StateKey
    open_engine: Callable[[], StackEngine]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.key.scope.environment

    @property
    def secrets_provider(self) -> str:
        """URL of the key as Pulumi's secrets provider."""
        return f"awskms://{self.key.alias}?region={self.key.scope.region}"

    def check_variables(self) -> None:
        """Refuse an environment variable or settings that name another backend or key."""
        named = os.environ.get(BACKEND_VARIABLE, "")
        if named not in ("", self.bucket.backend_url):
            raise UserError(
                f"{BACKEND_VARIABLE} is {named}, which overrides the login to {self.bucket.backend_url}.",
                repair=f"unset {BACKEND_VARIABLE}",
            )
        document = self._read_settings()
        provider = document.get("secretsprovider", "passphrase" if "encryptionsalt" in document else "")
        if provider not in ("", self.secrets_provider):
            raise UserError(
                f"The secrets of {self.settings_file.name} are encrypted with {provider}.",
                repair=f"if they are needed: pulumi stack change-secrets-provider '{self.secrets_provider}' "
                f"--stack {self.stack}; else remove its secrets, encryptionsalt, secretsprovider and encryptedkey",
            )

    def steps(self) -> Iterator[Step]:
        """Yield the steps that create the stack and write its settings."""
        url = self.bucket.backend_url
        yield Step(
            title=f"pulumi login '{url}'",
            is_done=lambda: False,
            run=lambda: self.open_engine().query_text("login", url),
        )
        yield Step(
            title=f"pulumi stack init {self.stack} --secrets-provider '{self.secrets_provider}'",
            is_done=self._is_initialised,
            run=self._initialise_stack,
        )
        account = json.dumps([self.key.scope.account_id])
        yield self._setting_step("aws:allowedAccountIds", lambda: account)
        yield self._setting_step(f"{CONFIG_NAMESPACE}:adoptStateBucket", lambda: self.bucket.name)
        yield self._setting_step(f"{CONFIG_NAMESPACE}:adoptEncryptionKey", self.key.find_id)

    def _read_settings(self) -> dict[str, Any]:
        return read_settings_file(self.settings_file)

    def _is_initialised(self) -> bool:
        return bool(self._read_settings().get("encryptedkey") and self._state_documents())

    def _state_documents(self) -> list[str]:
        return self.bucket.state_documents(self.stack) if self.bucket.exists() else []

    def _initialise_stack(self) -> None:
        engine = self.open_engine()
        if self._state_documents():
            if engine.read_deployment().get("resources"):
                raise UserError(
                    f"{self.bucket.name} holds the deployed stack {self.stack}, and {self.settings_file.name} does not "
                    "have the data key of its secrets, `encryptedkey`.",
                    repair="check out the commit that has it; the state has it too: pulumi stack export, "
                    "deployment.secrets_providers.state",
                )
            # An interrupted command has created the stack without writing the key of its secrets to the settings.
            engine.query_text("stack", "rm", "--yes", "--preserve-config")
        engine.query_text("stack", "init", self.stack, "--secrets-provider", self.secrets_provider)

    def _setting_step(self, key: str, value: Callable[[], str]) -> Step:
        return Step(
            title=f"Set {key} in {self.settings_file.name}",
            is_done=lambda: _as_text(self._read_settings().get("config", {}).get(key)) == value(),
            run=lambda: self.open_engine().query_text("config", "set", key, value()),
        )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
