"""A release is published complete and as it was built, once, and never overwritten."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from cfs.deploy import publish
from cfs.deploy.artifact_store import ArtifactStore
from cfs.deploy.publish import BuildSource
from cfs.deploy.stored_documents import Release
from terminal.errors import UserError
from tests.unit.cfs.deploy.conftest import BUCKET, console_aws

if TYPE_CHECKING:
    from pathlib import Path

    from cfs.deploy.publish import PublishedRelease
    from tests.unit.cfs.deploy.conftest import Wire, World

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = BuildSource(
    version="v0.7.0",
    commit=COMMIT,
    repository="owner/claudefs",
    signer_workflow=".github/workflows/release-build.yml",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(tmp_path, b"binaries")
    return tmp_path


def build(folder: Path, content: bytes, *, architectures: tuple[str, ...] = ("x86_64",)) -> None:
    lines = []
    for architecture in architectures:
        name = f"claudefs-{architecture}.tar.zst"
        (folder / name).write_bytes(content)
        (folder / f"{name}.sigstore.json").write_text("{}")
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))


def run(folder: Path, source: BuildSource = SOURCE) -> PublishedRelease:
    built = publish.find_tarballs(folder)
    return publish.upload_release(
        ArtifactStore(console_aws(), bucket=BUCKET), built, publish.describe_release(built, source)
    )


def test_a_release_is_published_with_its_description_last(world: World, wire: Wire, folder: Path) -> None:
    build(folder, b"binaries", architectures=("x86_64", "aarch64"))
    published = run(folder)
    prefix = f"releases/{COMMIT}"
    assert list(published.written) == [
        f"{prefix}/claudefs-x86_64.tar.zst",
        f"{prefix}/claudefs-x86_64.tar.zst.sigstore.json",
        f"{prefix}/claudefs-aarch64.tar.zst",
        f"{prefix}/claudefs-aarch64.tar.zst.sigstore.json",
        f"{prefix}/release.json",
    ]
    body = world.account.read(f"{prefix}/release.json")
    assert body is not None
    assert json.loads(body) == {
        "schema": 1,
        "version": "v0.7.0",
        "commit": COMMIT,
        "repository": "owner/claudefs",
        "signerWorkflow": ".github/workflows/release-build.yml",
        "artifacts": {
            architecture: {
                "key": f"{prefix}/claudefs-{architecture}.tar.zst",
                "sha256": hashlib.sha256(b"binaries").hexdigest(),
                "attestation": f"{prefix}/claudefs-{architecture}.tar.zst.sigstore.json",
            }
            for architecture in ("x86_64", "aarch64")
        },
    }
    assert published.target.sha256 == hashlib.sha256(body).hexdigest()
    assert set(wire.calls) == {"s3:PutObject"}


@pytest.mark.usefixtures("world")
def test_publishing_the_same_release_again_writes_nothing(folder: Path) -> None:
    first, again = run(folder), run(folder)
    assert again.target == first.target
    assert again.written == ()
    assert "was published before, with the same content" in publish.publish_result(again).text


def test_an_interrupted_upload_is_completed(world: World, folder: Path) -> None:
    run(folder)
    del world.account.objects[f"releases/{COMMIT}/release.json"]  # type: ignore[attr-defined]  # of the one in memory
    assert run(folder).written == (f"releases/{COMMIT}/release.json",)


@pytest.mark.parametrize("name", ["claudefs-x86_64.tar.zst", "claudefs-x86_64.tar.zst.sigstore.json", "release.json"])
def test_other_content_under_the_same_key_is_refused_and_kept(world: World, folder: Path, name: str) -> None:
    key = f"releases/{COMMIT}/{name}"
    world.account.write(key, b"{} ")
    with pytest.raises(UserError, match=f"{name} exists with other content") as raised:
        run(folder)
    assert "never overwritten" in raised.value.repair
    assert world.account.read(key) == b"{} "


def test_a_tarball_that_differs_from_its_sum_is_not_published(world: World, folder: Path) -> None:
    (folder / "claudefs-x86_64.tar.zst").write_bytes(b"other")
    with pytest.raises(UserError, match=f"SHA256SUMS has {hashlib.sha256(b'binaries').hexdigest()}"):
        run(folder)
    assert world.account.read(f"releases/{COMMIT}/claudefs-x86_64.tar.zst") is None


@pytest.mark.parametrize(
    "missing,problem",
    [
        ("claudefs-x86_64.tar.zst", "There is no claudefs-<architecture>"),
        ("claudefs-x86_64.tar.zst.sigstore.json", "has no attestation"),
        ("SHA256SUMS", "SHA256SUMS cannot be read"),
    ],
)
def test_a_missing_file_is_named(folder: Path, missing: str, problem: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(UserError, match=problem):
        publish.find_tarballs(folder)


@pytest.mark.parametrize(
    "text,problem",
    [
        ("", "has no sum of claudefs-x86_64"),
        ("0123  claudefs-x86_64.tar.zst", "is not in the format of `sha256sum`"),
        (f"{'0' * 64}  other.tar.zst", "has no sum of claudefs-x86_64"),
    ],
)
def test_a_malformed_or_missing_sum_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / "SHA256SUMS").write_text(text)
    with pytest.raises(UserError, match=problem):
        publish.find_tarballs(folder)


@pytest.mark.parametrize("line", ["{}  claudefs-x86_64.tar.zst\n", "{} *claudefs-x86_64.tar.zst", "{}  ./{name}\n\n"])
def test_sums_are_read_in_each_form_that_sha256sum_writes(folder: Path, line: str) -> None:
    digest = hashlib.sha256(b"binaries").hexdigest()
    (folder / "SHA256SUMS").write_text(line.format(digest, name="claudefs-x86_64.tar.zst"))
    assert publish.find_tarballs(folder)[0].sha256 == digest


def test_a_bundle_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / "claudefs-x86_64.tar.zst.sigstore.json").write_text("<html>")
    with pytest.raises(UserError, match="is not an attestation bundle"):
        publish.find_tarballs(folder)


@pytest.mark.parametrize(
    "field,value",
    [
        ("version", "0.7.0"),
        ("version", "v0.7"),
        ("version", "v0.7.0; reboot"),
        ("version", "v0.7.0-" + "x" * 64),
        ("commit", "0123"),
        ("commit", COMMIT.upper()),
        ("repository", "claudefs"),
        ("repository", "a/b/c"),
        ("signer_workflow", "release-build.yml"),
        ("signer_workflow", ".github/workflows/../x.yml"),
    ],
)
def test_a_malformed_value_is_named(folder: Path, field: str, value: str) -> None:
    source = BuildSource(**{**SOURCE.__dict__, field: value})
    with pytest.raises(UserError) as raised:
        publish.describe_release(publish.find_tarballs(folder), source)
    assert f"{field} {value!r}" in raised.value.problem.replace("signerWorkflow", "signer_workflow")


@pytest.mark.parametrize("version", ["v0.7.0", "v0.7.0-rc.1", "v0.7.0-3-g1f75e51"])
def test_versions_of_tags_and_of_git_describe_are_accepted(folder: Path, version: str) -> None:
    source = BuildSource(**{**SOURCE.__dict__, "version": version})
    release = publish.describe_release(publish.find_tarballs(folder), source)
    assert Release.parse_document(release.to_bytes(), key=release.object_key) == release
