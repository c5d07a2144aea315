"""Restores a stack's state from the versions that its bucket keeps.

The bucket is versioned: a deletion only hides an object, and an overwritten state remains as an earlier version until
the bucket's lifecycle removes it.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.naming import CONFIG_NAMESPACE
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount

_GZIP = b"\x1f\x8b"


def checkpoint_path(stack: str) -> str:
    """Return the place of a stack's state in a backend, as Pulumi's `pkg/backend/diy/state.go` names it."""
    return f".pulumi/stacks/{CONFIG_NAMESPACE}/{stack}.json"


@dataclass(frozen=True, kw_only=True)
class StateVersion:
    """A version of a stack's state.

    Attributes:
        key: The object's key.
        id: S3's ID of the version.
        saved_at: When it was saved.
        size: Size in bytes.
        is_current: Whether the engine reads this version.
    """

    key: str
    id: str
    saved_at: datetime
    size: int
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class StateStore:
    """A stack's state in its bucket.

    Attributes:
        aws: The account.
        bucket: The bucket.
        stack: The stack's name.
    """

    aws: AwsAccount
    bucket: str
    stack: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the object without and with compression."""
        key = checkpoint_path(self.stack)
        return (key, f"{key}.gz")

    def list_versions(self) -> list[StateVersion]:
        """Return the versions, newest first; without marks of deletions."""
        found = self.aws.list_items("s3", "list_object_versions", "Versions", Bucket=self.bucket, Prefix=self.keys[0])
        versions = [
            StateVersion(
                key=item["Key"],
                id=item["VersionId"],
                saved_at=item["LastModified"],
                size=item["Size"],
                is_current=item["IsLatest"],
            )
            for item in found
            if item["Key"] in self.keys
        ]
        return sorted(versions, key=lambda version: version.saved_at, reverse=True)

    def count_resources(self, version: StateVersion) -> int | None:
        """Return the number of resources in a version, or None if it is not a readable state."""
        answer = self.aws.call_operation("s3", "get_object", Bucket=self.bucket, Key=version.key, VersionId=version.id)
        return count_state_resources(answer["Body"].read())

    def make_current(self, version: StateVersion) -> None:
        """Save a version again as the newest one."""
        source = {"Bucket": self.bucket, "Key": version.key, "VersionId": version.id}
        self.aws.call_operation("s3", "copy_object", Bucket=self.bucket, Key=version.key, CopySource=source)


@dataclass(frozen=True, kw_only=True)
class RestoredState:
    """A restored state.

    Attributes:
        version: The version that is current again.
        resources: Number of resources in it.
    """

    version: StateVersion
    resources: int


def count_state_resources(content: bytes) -> int | None:
    """Return the number of resources in the content of a state, or None if it is not readable."""
    try:
        text = gzip.decompress(content) if content.startswith(_GZIP) else content
        latest: dict[str, Any] = json.loads(text)["checkpoint"]["latest"] or {}
        return len(latest.get("resources") or ())
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        return None


def restore_state(store: StateStore, *, before: datetime | None = None) -> RestoredState:
    """Make the newest readable version current that has resources.

    Args:
        store: The state's bucket.
        before: Take a version saved before this time; None for any that is not current.
    """
    versions = store.list_versions()
    for version in _candidates(versions, before):
        resources = store.count_resources(version)
        if resources:
            store.make_current(version)
            return RestoredState(version=version, resources=resources)
    when = f" from before {before:%Y-%m-%d %H:%M:%S %Z}" if before else ""
    raise UserError(
        f"{store.bucket} has no readable version of {store.keys[0]}{when}; it has {len(versions)} in all.",
        repair=f"see docs/recovery.md, 'A lost bucket'; `cfs restore --environment {store.stack} --list` shows them",
    )


def _candidates(versions: Sequence[StateVersion], before: datetime | None) -> list[StateVersion]:
    earlier = [version for version in versions if before is None or version.saved_at < before]
    return [version for version in earlier if not version.is_current]
