"""Reads releases and the version pointer from the bucket, and moves the pointer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.deploy.artifact_store import ConflictError
from cfs.deploy.stored_documents import PointedRelease, Release, ReleaseTarget, VersionPointer, version_key
from terminal.errors import UserError

if TYPE_CHECKING:
    from cfs.deploy.artifact_store import ArtifactStore


@dataclass(frozen=True, kw_only=True)
class CurrentRelease:
    """What an environment's pointer names.

    Attributes:
        target: The release; None: nothing was deployed yet.
        before: What it named before.
        etag: Of the pointer as it was read.
    """

    target: ReleaseTarget | None
    before: ReleaseTarget | None
    etag: str | None


def read_release_target(store: ArtifactStore, key: str, *, sha256: str | None = None) -> ReleaseTarget:
    """Read what a roll-out of a release aims at.

    Args:
        store: The environment's bucket.
        key: Key of its `release.json`.
        sha256: What that file must have; None: whatever it has.
    """
    stored = store.read_object(key)
    if stored is None:
        raise UserError(
            f"There is no release s3://{store.bucket}/{key}.",
            repair="publish it with `cfs deploy publish`, whose output `release` is the key",
        )
    found = hashlib.sha256(stored.body).hexdigest()
    if sha256 is not None and found != sha256:
        raise UserError(
            f"{key} has the SHA-256 sum {found}, not {sha256}.",
            repair="deploy only what `cfs deploy publish` has written: take `release` and `sha256` of one run of it",
        )
    release = Release.parse_document(stored.body, key=key)
    if release.object_key != key:
        raise UserError(
            f"{key} says that it is {release.object_key}.",
            repair="publish the release again from the commit that was built",
        )
    return ReleaseTarget(release=key, sha256=found, version=release.version)


def read_current_release(store: ArtifactStore, environment: str) -> CurrentRelease:
    """Read what an environment's pointer names."""
    stored = store.read_object(version_key(environment))
    if stored is None:
        return CurrentRelease(target=None, before=None, etag=None)
    pointer = VersionPointer.parse_document(stored.body, key=version_key(environment))
    before = pointer.previous
    return CurrentRelease(
        target=read_release_target(store, pointer.release, sha256=pointer.sha256),
        before=read_release_target(store, before.release, sha256=before.sha256) if before else None,
        etag=stored.etag,
    )


def move_pointer(
    store: ArtifactStore, environment: str, *, target: ReleaseTarget, previous: PointedRelease | None, etag: str | None
) -> None:
    """Let booting nodes install another release."""
    pointer = VersionPointer(release=target.release, sha256=target.sha256, previous=previous)
    try:
        store.replace_object(version_key(environment), pointer.to_bytes(), etag=etag)
    except ConflictError as error:
        raise UserError(
            f"Somebody else has moved the pointer of {environment} meanwhile.",
            repair=f"see what it names by `cfs deploy status --environment {environment}`, and whether that is wanted",
        ) from error
