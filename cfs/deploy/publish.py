"""Puts a built release into the bucket, where nothing is ever overwritten."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError

from cfs.deploy.artifact_store import ConflictError
from cfs.deploy.stored_documents import SHA256_PATTERN, Architecture, Release
from terminal.errors import UserError
from terminal.results import CommandResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.deploy.stored_documents import ReleaseTarget

SUMS_FILE = "SHA256SUMS"
"""The file with the tarballs' sums, as `sha256sum` writes it."""

_SUM = re.compile(rf"({SHA256_PATTERN}) [ *](?:\./)?(\S+)")
_MAX_BYTES = 5 * 2**30
"""S3 takes no more in one PUT: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html"""


@dataclass(frozen=True, kw_only=True)
class BuiltTarball:
    """One built tarball on disk.

    Attributes:
        architecture: What it was built for.
        tarball: Its file.
        sha256: Of its content, as computed here.
        bundle: The file with its attestation.
    """

    architecture: Architecture
    tarball: Path
    sha256: str
    bundle: Path


@dataclass(frozen=True, kw_only=True)
class BuildSource:
    """What was built, as its builder says.

    Attributes:
        version: What nodes report when they run it.
        commit: What it was built from.
        repository: Whose attestation nodes accept, as `owner/name`.
        signer_workflow: Path of the workflow file in it that attests.
    """

    version: str
    commit: str
    repository: str
    signer_workflow: str


@dataclass(frozen=True, kw_only=True)
class PublishedRelease:
    """A release in the bucket.

    Attributes:
        target: What a roll-out of it aims at.
        written: Keys that were written now; the others were there with the same content.
    """

    target: ReleaseTarget
    written: tuple[str, ...]


def find_tarballs(folder: Path) -> list[BuiltTarball]:
    """Find the tarballs in a folder and verify their sums."""
    sums = _read_sums(folder / SUMS_FILE)
    built = []
    for architecture in get_args(Architecture):
        tarball = folder / f"claudefs-{architecture}.tar.zst"
        if tarball.exists():
            built.append(_verified_tarball(architecture, tarball, sums))
    if not built:
        raise UserError(
            f"There is no claudefs-<architecture>.tar.zst in {folder}.",
            repair="give --from the folder that the workflow's build has been downloaded to",
        )
    return built


def describe_release(built: Sequence[BuiltTarball], source: BuildSource) -> Release:
    """Describe what was built."""
    prefix = f"releases/{source.commit}"
    artifacts = {
        one.architecture: {
            "key": f"{prefix}/{one.tarball.name}",
            "sha256": one.sha256,
            "attestation": f"{prefix}/{one.bundle.name}",
        }
        for one in built
    }
    try:
        return Release.model_validate({**asdict(source), "artifacts": artifacts})
    except ValidationError as error:
        wrong = "; ".join(f"{e['loc'][0]} {e['input']!r}: {e['msg']}" for e in error.errors())
        raise UserError(
            f"This is no release: {wrong}.",
            repair="give --version as v1.2.3 or as `git describe --tags` prints it, --commit with its 40 digits, "
            "--repository as owner/name, --signer-workflow as .github/workflows/name.yml",
        ) from error


def upload_release(store: ArtifactStore, built: Sequence[BuiltTarball], release: Release) -> PublishedRelease:
    """Upload a release; `release.json` comes last, so that a release whose file is there is complete."""
    prefix = f"releases/{release.commit}"
    written = []
    for one in built:
        for file in (one.tarball, one.bundle):
            written += _upload_file(store, f"{prefix}/{file.name}", file)
    written += _write_object(store, release.object_key, release.to_bytes())
    return PublishedRelease(target=release.roll_out_target, written=tuple(written))


def _verified_tarball(architecture: Architecture, tarball: Path, sums: dict[str, str]) -> BuiltTarball:
    bundle = tarball.with_name(f"{tarball.name}.sigstore.json")
    if not bundle.exists():
        raise UserError(
            f"{tarball} has no attestation: {bundle.name} is missing.",
            repair="attest what is built (actions/attest) and put the bundle beside it; nodes install nothing without",
        )
    if not _is_json(bundle):
        raise UserError(f"{bundle} is no attestation bundle: it is not JSON.", repair="download the bundle again")
    if tarball.stat().st_size > _MAX_BYTES:
        raise UserError(f"{tarball} is larger than 5 GiB.", repair="strip the binaries, or leave out what is no binary")
    found = _file_sha256(tarball)
    if tarball.name not in sums:
        raise UserError(
            f"{SUMS_FILE} in {tarball.parent} has no sum of {tarball.name}.",
            repair=f"run `sha256sum claudefs-*.tar.zst > {SUMS_FILE}` where the tarball is built, and download both",
        )
    if found != sums[tarball.name]:
        raise UserError(
            f"{tarball} has the SHA-256 sum {found}; {SUMS_FILE} says {sums[tarball.name]}.",
            repair="download the build again; if it is still so, build again: what was built is not what is here",
        )
    return BuiltTarball(architecture=architecture, tarball=tarball, sha256=found, bundle=bundle)


def _read_sums(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}.",
            repair=f"run `sha256sum claudefs-*.tar.zst > {SUMS_FILE}` where the tarballs are built",
        ) from error
    found = [_SUM.fullmatch(line) for line in lines if line.strip()]
    if not all(found):
        raise UserError(f"{path} is not what `sha256sum` writes.", repair="write it by `sha256sum`, and nothing else")
    return {match[2]: match[1] for match in found if match}


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _upload_file(store: ArtifactStore, key: str, file: Path) -> list[str]:
    with file.open("rb") as content:
        try:
            store.create_object(key, content)
        except ConflictError:
            there = store.object_sha256(key)
            if there == _file_sha256(file):
                return []
            raise _other_content_error(key) from None
    return [key]


def _write_object(store: ArtifactStore, key: str, body: bytes) -> list[str]:
    try:
        store.create_object(key, body)
    except ConflictError:
        there = store.read_object(key)
        if there is not None and there.body == body:
            return []
        raise _other_content_error(key) from None
    return [key]


def _other_content_error(key: str) -> UserError:
    return UserError(
        f"{key} exists with other content: another build of the same commit was published before.",
        repair="deploy that one, or publish a new commit; a release is never overwritten",
    )


def publish_result(published: PublishedRelease) -> CommandResult:
    """Say what was published."""
    target = published.target
    done = "published" if published.written else "was published before, with the same content"
    return CommandResult(
        text=f"{target.version} {done}: {target.release} {target.sha256}",
        job_summary=f"### {target.version} {done}\n\n`{target.release}`, SHA-256 `{target.sha256}`\n",
        job_outputs={"release": target.release, "sha256": target.sha256, "version": target.version},
        figures={**target.model_dump(by_alias=True), "written": list(published.written)},
    )
