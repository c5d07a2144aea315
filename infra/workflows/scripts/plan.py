"""Plans the jobs that run the compiled tests: one per crate, or several for a crate with many tests.

Usage: plan.py TESTS WORKSPACE

TESTS is the output of `cargo nextest list --message-format json`, WORKSPACE that of `cargo metadata --no-deps`. The
script writes the matrix to the step's output `matrix`. It fails if a crate of the workspace has no tests, so no crate
drops out of continuous integration unnoticed.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

TESTS_PER_JOB = 1000
"""A thousand tests, each in its own process, take a few minutes; downloading the archive takes half a minute."""


def job_matrix(tests: dict[str, Any], crates: list[str]) -> list[dict[str, str]]:
    """Return the jobs of the matrix: the crate, its slice in nextest's notation, and an ID that is a valid file name.

    Args:
        tests: nextest's list of tests.
        crates: Names of the workspace's crates.

    Raises:
        SystemExit: A crate has no tests.
    """
    counts: Counter[str] = Counter()
    for suite in tests["rust-suites"].values():
        counts[suite["package-name"]] += len(suite["testcases"])
    without = sorted(crate for crate in crates if not counts[crate])
    if without:
        raise SystemExit(f"error: no tests were compiled for {', '.join(without)}\nrepair: write a test for each")
    jobs = []
    for crate in sorted(crates):
        slices = -(-counts[crate] // TESTS_PER_JOB)
        jobs += [
            {"crate": crate, "slice": f"{number}/{slices}", "id": f"{crate}-{number}"}
            for number in range(1, slices + 1)
        ]
    return jobs


def main() -> None:
    """Write the matrix to the step's output."""
    tests, workspace = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:])
    jobs = job_matrix(tests, [package["name"] for package in workspace["packages"]])
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"matrix={json.dumps({'include': jobs})}\n")
    sys.stdout.write("".join(f"{job['crate']} {job['slice']}\n" for job in jobs))


if __name__ == "__main__":
    main()
