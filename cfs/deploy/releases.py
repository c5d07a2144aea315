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
    """The release that an environment's pointer names, the release that it named before, and the pointer's ETag.

    All are None before the first deployment.
    """

    target: ReleaseTarget | None
    before: ReleaseTarget | None
    etag: str | None


def read_release_target(store: ArtifactStore, key: str, *, sha256: str | None = None) -> ReleaseTarget:
    """Read the `release.json` at a key, and verify its SHA-256 if one is given."""
    stored = store.read_object(key)
    if stored is None:
        raise UserError(
            f"There is no release s3://{store.bucket}/{key}.",
            repair="publish it with `cfs deploy publish`, whose output `release` is the key",
        )
    actual = hashlib.sha256(stored.body).hexdigest()
    if sha256 is not None and actual != sha256:
        raise UserError(
            f"{key} has the SHA-256 sum {actual}, not {sha256}.",
            repair="give `release` and `sha256` from the outputs of one run of `cfs deploy publish`",
        )
    release = Release.parse_document(stored.body, key=key)
    if release.object_key != key:
        raise UserError(
            f"{key} contains the release {release.object_key}.",
            repair="publish the release again from the built commit",
        )
    return ReleaseTarget(release=key, sha256=actual, version=release.version)


def read_current_release(store: ArtifactStore, environment: str) -> CurrentRelease:
    """Read an environment's pointer and the releases that it names."""
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
    """Move an environment's pointer, which names the release that booting nodes install."""
    pointer = VersionPointer(release=target.release, sha256=target.sha256, previous=previous)
    try:
        store.replace_object(version_key(environment), pointer.to_bytes(), etag=etag)
    except ConflictError as error:
        raise UserError(
            f"Somebody else has just moved the pointer of {environment}.",
            repair=f"see it with `cfs deploy status --environment {environment}`, and decide which release to keep",
        ) from error
