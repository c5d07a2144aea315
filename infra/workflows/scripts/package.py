"""Packs ClaudeFS's programs into the archive that nodes install; the archive is reproducible.

Usage: package.py PROGRAMS ARCHITECTURE OUTPUT

PROGRAMS is cargo's folder of built programs, ARCHITECTURE x86_64 or aarch64. OUTPUT gets
`claudefs-ARCHITECTURE.tar.zst`, which holds `bin/` with the five programs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RELEASE_PROGRAMS = ("cfs-fuse", "cfs-gateway", "cfs-meta", "cfs-mgmt", "cfs-repl")

ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
"""Machine types in ELF headers: EM_X86_64 and EM_AARCH64 of /usr/include/elf.h."""

PACK_TIMEOUT_SECONDS = 900
"""Time-out of tar and zstd."""


def check_program(program: Path, architecture: str) -> None:
    """Refuse a program that is missing or not an ELF binary for the architecture.

    Raises:
        SystemExit: The program is refused.
    """
    if not program.is_file():
        raise SystemExit(f"error: there is no {program}\nrepair: cargo build --release --workspace --bins")
    header = program.read_bytes()[:20]
    machine = int.from_bytes(header[18:20], "little")
    if header[:4] != b"\x7fELF" or machine != ELF_MACHINES[architecture]:
        raise SystemExit(f"error: {program} is not an ELF program for {architecture}\nrepair: build on such a machine")


def pack_programs(programs: Path, architecture: str, output: Path) -> Path:
    """Pack the programs and return the archive.

    Raises:
        SystemExit: A program is missing or of another architecture.
        subprocess.SubprocessError: tar or zstd failed and has printed the reason.
    """
    archive = output / f"claudefs-{architecture}.tar.zst"
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "bin"
        folder.mkdir()
        for name in RELEASE_PROGRAMS:
            check_program(programs / name, architecture)
            shutil.copyfile(programs / name, folder / name)
            (folder / name).chmod(0o755)
        output.mkdir(parents=True, exist_ok=True)
        tar = ["tar", "--create", f"--directory={work}", f"--file={archive}", "--use-compress-program=zstd -19 -T0"]
        owner = ["--owner=0", "--group=0", "--numeric-owner"]
        subprocess.run([*tar, *owner, "--mtime=@0", "--sort=name", "bin"], check=True, timeout=PACK_TIMEOUT_SECONDS)
    return archive


def main() -> None:
    """Pack the programs and print the archive's size."""
    programs, architecture, output = sys.argv[1:]
    if architecture not in ELF_MACHINES:
        raise SystemExit(f"error: architecture {architecture!r}\nrepair: name one of {', '.join(ELF_MACHINES)}")
    archive = pack_programs(Path(programs), architecture, Path(output))
    sys.stdout.write(f"{archive}: {archive.stat().st_size / 2**20:.1f} MiB\n")


if __name__ == "__main__":
    main()
