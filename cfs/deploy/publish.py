"""Uploads a built release to the bucket. Published releases are never overwritten."""

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
    from typing import IO

    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.deploy.stored_documents import ReleaseTarget

SUMS_FILE = "SHA256SUMS"
"""File with the tarballs' sums, in the format of `sha256sum`."""

_SUM = re.compile(rf"({SHA256_PATTERN}) [ *](?:\./)?(\S+)")
_MAX_BYTES = 5 * 2**30
"""Limit of one PUT: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html"""


@dataclass(frozen=True, kw_only=True)
class BuiltTarball:
    """A built tarball on disk, its computed SHA-256, and the file of its attestation."""

    architecture: Architecture
    tarball: Path
    sha256: str
    bundle: Path


@dataclass(frozen=True, kw_only=True)
class BuildSource:
    """Origin of a build, as its builder states it; see `Release` for the fields."""

    version: str
    commit: str
    repository: str
    signer_workflow: str


@dataclass(frozen=True, kw_only=True)
class PublishedRelease:
    """A release in the bucket.

    Attributes:
        target: The release as the target of a roll-out.
        written: Keys written by this run; the others existed with the same content.
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
            repair="give --from the folder to which the workflow's build was downloaded",
        )
    return built


def describe_release(built: Sequence[BuiltTarball], source: BuildSource) -> Release:
    """Return the release document of a build."""
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
            f"This is not a valid release: {wrong}.",
            repair="give --version as v1.2.3 or as `git describe --tags` prints it, --commit with 40 digits, "
            "--repository as owner/name, --signer-workflow as .github/workflows/name.yml",
        ) from error


def upload_release(store: ArtifactStore, built: Sequence[BuiltTarball], release: Release) -> PublishedRelease:
    """Upload a release. `release.json` is written last, so a release is complete once this file exists."""
    prefix = f"releases/{release.commit}"
    target = release.roll_out_target
    written = []
    for one in built:
        for file, sha256 in ((one.tarball, one.sha256), (one.bundle, _file_sha256(one.bundle))):
            with file.open("rb") as content:
                written += _create_object(store, f"{prefix}/{file.name}", content, sha256=sha256)
    written += _create_object(store, target.release, release.to_bytes(), sha256=target.sha256)
    return PublishedRelease(target=target, written=tuple(written))


def _verified_tarball(architecture: Architecture, tarball: Path, sums: dict[str, str]) -> BuiltTarball:
    bundle = tarball.with_name(f"{tarball.name}.sigstore.json")
    if not bundle.exists():
        raise UserError(
            f"{tarball} has no attestation: {bundle.name} is missing.",
            repair="attest the build (actions/attest) and put the bundle next to it; nodes install nothing without one",
        )
    if not _is_json(bundle):
        raise UserError(f"{bundle} is not an attestation bundle: it is not JSON.", repair="download the bundle again")
    if tarball.stat().st_size > _MAX_BYTES:
        raise UserError(f"{tarball} is larger than 5 GiB.", repair="strip the binaries, or omit other files")
    sha256 = _file_sha256(tarball)
    if tarball.name not in sums:
        raise UserError(
            f"{SUMS_FILE} in {tarball.parent} has no sum of {tarball.name}.",
            repair=f"run `sha256sum claudefs-*.tar.zst > {SUMS_FILE}` where the tarball is built, and download both",
        )
    if sha256 != sums[tarball.name]:
        raise UserError(
            f"{tarball} has the SHA-256 sum {sha256}; {SUMS_FILE} has {sums[tarball.name]}.",
            repair="download the build again; if the sums still differ, build again",
        )
    return BuiltTarball(architecture=architecture, tarball=tarball, sha256=sha256, bundle=bundle)


def _read_sums(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}.",
            repair=f"run `sha256sum claudefs-*.tar.zst > {SUMS_FILE}` where the tarballs are built",
        ) from error
    matches = [_SUM.fullmatch(line) for line in lines if line.strip()]
    if not all(matches):
        raise UserError(f"{path} is not in the format of `sha256sum`.", repair="write it only with `sha256sum`")
    return {match[2]: match[1] for match in matches if match}


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _create_object(store: ArtifactStore, key: str, body: bytes | IO[bytes], *, sha256: str) -> list[str]:
    """Return the key if it was created, or nothing if it existed with this content."""
    try:
        store.create_object(key, body)
    except ConflictError:
        if store.object_sha256(key) == sha256:
            return []
        raise UserError(
            f"{key} exists with other content: another build of the same commit was published before.",
            repair="deploy that one, or publish a new commit; a release is never overwritten",
        ) from None
    return [key]


def publish_result(published: PublishedRelease) -> CommandResult:
    """Return the published release as text, figures and outputs of a job."""
    target = published.target
    done = "published" if published.written else "was published before, with the same content"
    return CommandResult(
        text=f"{target.version} {done}: {target.release} {target.sha256}",
        job_summary=f"### {target.version} {done}\n\n`{target.release}`, SHA-256 `{target.sha256}`\n",
        job_outputs={"release": target.release, "sha256": target.sha256, "version": target.version},
        figures={**target.model_dump(by_alias=True), "written": list(published.written)},
    )
