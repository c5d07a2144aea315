"""Verifies the checksums and attestations of a release before it is deployed.

Usage: verify.py FOLDER COMMIT

FOLDER contains the archives and their attestations. A published release also has SHA256SUMS, which must match; for
archives that the run itself has built, the script creates it. Attestations must be signed by this repository's
release-build.yml for COMMIT.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

RELEASE_SIGNER = ".github/workflows/release-build.yml"

VERIFY_TIMEOUT_SECONDS = 120
"""Time-out of `gh` for the verification of one attestation."""


def list_archives(folder: Path) -> list[Path]:
    """Return the archives.

    Raises:
        SystemExit: There are no archives, or one has no attestation.
    """
    found = sorted(folder.glob("claudefs-*.tar.zst"))
    if not found:
        raise SystemExit(
            f"error: there is no claudefs-*.tar.zst in {folder}\nrepair: deploy a version that has a release"
        )
    without = [archive.name for archive in found if not attestation_file(archive).is_file()]
    if without:
        raise SystemExit(f"error: no attestation for {', '.join(without)}\nrepair: release the version again")
    return found


def attestation_file(archive: Path) -> Path:
    """Return the path of an archive's attestation."""
    return archive.with_name(f"{archive.name}.sigstore.json")


def verify_checksums(folder: Path) -> None:
    """Compare the files with SHA256SUMS, or create it if it is missing.

    Raises:
        SystemExit: A file's checksum is missing or different.
    """
    sums = folder / "SHA256SUMS"
    files = [*list_archives(folder), *map(attestation_file, list_archives(folder))]
    actual = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    if not sums.exists():
        sums.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(actual.items())))
    named = {name: digest for digest, name in (line.split("  ", 1) for line in sums.read_text().splitlines())}
    wrong = [name for name, digest in actual.items() if named.get(name) != digest]
    if wrong:
        raise SystemExit(f"error: {', '.join(wrong)}: wrong checksum in SHA256SUMS\nrepair: release the version again")


def verify_attestation(archive: Path, *, repository: str, commit: str) -> None:
    """Verify with `gh` that this repository's workflow built an archive from the commit.

    Raises:
        subprocess.SubprocessError: The verification failed; `gh` has printed the reason.
    """
    signer = ("--signer-workflow", f"{repository}/{RELEASE_SIGNER}", "--deny-self-hosted-runners")
    source = ("--repo", repository, "--source-digest", commit)
    bundle = ("--bundle", str(attestation_file(archive)))
    command = ["gh", "attestation", "verify", str(archive), *bundle, *source, *signer]
    subprocess.run(command, check=True, timeout=VERIFY_TIMEOUT_SECONDS)


def main() -> None:
    """Verify the release in the folder."""
    folder, commit = Path(sys.argv[1]), sys.argv[2]
    verify_checksums(folder)
    for archive in list_archives(folder):
        verify_attestation(archive, repository=os.environ["GITHUB_REPOSITORY"], commit=commit)


if __name__ == "__main__":
    main()
