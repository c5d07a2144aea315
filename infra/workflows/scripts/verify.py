"""Checks a release before it is deployed: its checksums, and who built it from which commit.

Usage: verify.py FOLDER COMMIT

FOLDER holds the archives, each with its attestation beside it. A release also has SHA256SUMS, which must fit; what a
run has just built gets it here. The attestation must be signed by this repository's release-build.yml, for that commit.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

RELEASE_SIGNER = ".github/workflows/release-build.yml"

VERIFY_TIMEOUT_SECONDS = 120
"""Seconds for GitHub's command line to check one attestation."""


def list_archives(folder: Path) -> list[Path]:
    """Return the archives.

    Raises:
        SystemExit: There are none, or one has no attestation.
    """
    found = sorted(folder.glob("claudefs-*.tar.zst"))
    if not found:
        raise SystemExit(
            f"error: there is no claudefs-*.tar.zst in {folder}\nrepair: deploy a version that has a release"
        )
    without = [archive.name for archive in found if not attestation_file(archive).is_file()]
    if without:
        raise SystemExit(f"error: {', '.join(without)} without attestation\nrepair: release the version again")
    return found


def attestation_file(archive: Path) -> Path:
    """Return the file of an archive's attestation."""
    return archive.with_name(f"{archive.name}.sigstore.json")


def verify_checksums(folder: Path) -> None:
    """Compare the files with SHA256SUMS, which is written where there is none.

    Raises:
        SystemExit: A file is not what it names, or an archive is not named.
    """
    sums = folder / "SHA256SUMS"
    files = [*list_archives(folder), *map(attestation_file, list_archives(folder))]
    actual = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    if not sums.exists():
        sums.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(actual.items())))
    named = {name: digest for digest, name in (line.split("  ", 1) for line in sums.read_text().splitlines())}
    wrong = [name for name, digest in actual.items() if named.get(name) != digest]
    if wrong:
        raise SystemExit(f"error: {', '.join(wrong)}: not what SHA256SUMS names\nrepair: release the version again")


def verify_attestation(archive: Path, *, repository: str, commit: str) -> None:
    """Have GitHub's command line check who built an archive.

    Raises:
        subprocess.SubprocessError: Somebody else did, or the check failed; it has said why.
    """
    signer = ("--signer-workflow", f"{repository}/{RELEASE_SIGNER}", "--deny-self-hosted-runners")
    source = ("--repo", repository, "--source-digest", commit)
    bundle = ("--bundle", str(attestation_file(archive)))
    command = ["gh", "attestation", "verify", str(archive), *bundle, *source, *signer]
    subprocess.run(command, check=True, timeout=VERIFY_TIMEOUT_SECONDS)


def main() -> None:
    """Check the folder."""
    folder, commit = Path(sys.argv[1]), sys.argv[2]
    verify_checksums(folder)
    for archive in list_archives(folder):
        verify_attestation(archive, repository=os.environ["GITHUB_REPOSITORY"], commit=commit)


if __name__ == "__main__":
    main()
