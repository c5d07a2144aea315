"""Destroys an environment: the stack's resources, then the state, then the key that encrypts the state."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cfs.bootstrap.steps import Step
from infra.naming import CONFIG_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.bootstrap.new_environment import NewEnvironment
    from cfs.engine import StackEngine

_KEY_TYPES = ("aws:kms/key:Key", "aws:kms/alias:Alias")
_STATE_LINES = re.compile(
    rf"^(secretsprovider|encryptedkey|  {CONFIG_NAMESPACE}:(adoptStateBucket|adoptEncryptionKey)):.*\n?", re.MULTILINE
)
"""Lines of a settings file that name the state bucket and the key."""


@dataclass(frozen=True, kw_only=True)
class Destruction:
    """Destruction of one environment."""

    environment: NewEnvironment

    def steps(self) -> Iterator[Step]:
        """Yield the steps. The key is deleted after the state, which cannot be read or written without it."""
        stack, bucket, key = self.environment.setup.stack, self.environment.bucket, self.environment.key
        for role in ("artifacts", "build-cache"):
            emptied = replace(bucket, role=role, adopted="")
            yield Step(
                title=f"Empty the bucket {emptied.name}",
                is_done=lambda of=emptied: not (of.exists() and of.holds_objects()),  # type: ignore[misc]
                run=emptied.empty,
            )
        yield Step(
            title=f"Destroy the stack {stack}, except for its state bucket and key",
            is_done=lambda: not self._destroyed_resources(),
            run=self._destroy_resources,
        )
        yield Step(
            title=f"Remove the state of {stack} from {bucket.name}",
            is_done=lambda: not self._has_state(),
            run=self._remove_state,
        )
        if not self.kept_objects():
            yield Step(title=f"Delete the bucket {bucket.name}", is_done=lambda: not bucket.exists(), run=bucket.delete)
            yield Step(
                title=f"Have KMS delete the key {key.alias} in 30 days",
                is_done=lambda: not key.find_id(),
                run=key.schedule_deletion,
            )
        yield Step(
            title=f"Remove bucket and key from {self.environment.setup.settings_file.name}",
            is_done=lambda: not _STATE_LINES.search(self._settings_text()),
            run=lambda: self.environment.setup.settings_file.write_text(_STATE_LINES.sub("", self._settings_text())),
        )

    def kept_objects(self) -> list[str]:
        """Return the contents for which the state bucket and the key stay: other objects, or "(adopted)"."""
        bucket = self.environment.bucket
        if not bucket.exists():
            return []
        return bucket.other_objects(self.environment.setup.stack) or ([] if bucket.is_own() else ["(adopted)"])

    def _destroy_resources(self) -> None:
        recorded = self._recorded_resources()
        kept = [f"--exclude={of['urn']}" for of in recorded if _is_of_state(of)]
        for instance in (of["id"] for of in recorded if of["type"] == "aws:ec2/instance:Instance"):
            # EC2's termination protection of the orchestrator would refuse its termination.
            self.environment.bucket.aws.call_operation(
                "ec2", "modify_instance_attribute", InstanceId=instance, DisableApiTermination={"Value": False}
            )
        self._engine.run_operation("destroy", "--yes", "--skip-preview", "--ignore-protect", *kept)

    def _remove_state(self) -> None:
        self._engine.query_text("stack", "rm", "--force", "--yes", "--preserve-config", "--remove-backups")

    def _destroyed_resources(self) -> list[str]:
        return [of["urn"] for of in self._recorded_resources() if of.get("id") and not _is_of_state(of)]

    def _recorded_resources(self) -> list[dict[str, Any]]:
        if not self._has_state():
            return []
        resources: list[dict[str, Any]] = self._engine.read_deployment().get("resources", [])
        return [of for of in resources if of.get("custom") and not of["type"].startswith("pulumi:providers:")]

    def _has_state(self) -> bool:
        bucket = self.environment.bucket
        return bucket.exists() and bool(bucket.state_documents(self.environment.setup.stack))

    @cached_property
    def _engine(self) -> StackEngine:
        """The engine, logged in to the state."""
        engine = self.environment.setup.open_engine()
        engine.query_text("login", self.environment.bucket.backend_url)
        return engine

    def _settings_text(self) -> str:
        return self.environment.setup.settings_file.read_text(encoding="utf-8")


def _is_of_state(resource: dict[str, Any]) -> bool:
    """Return whether a resource is the state bucket, one of its configurations, or the key; these are kept."""
    return bool(resource.get("retainOnDelete")) or resource["type"] in _KEY_TYPES
