"""Writes the results of a workflow's tests to the run's summary, and fails unless all jobs have succeeded.

Usage: result.py FOLDER

FOLDER contains nextest's reports, each in its own folder; the variable NEEDS contains the jobs, as `toJSON(needs)`.
"""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

MAX_LISTED_FAILURES = 100
"""Maximum number of failed tests in the summary, which GitHub limits to 1 MiB."""


def unsuccessful_jobs(needs: dict[str, Any]) -> dict[str, str]:
    """Return the results of the jobs that have not succeeded, including skipped and cancelled ones."""
    return {job: need["result"] for job, need in needs.items() if need["result"] != "success"}


def summarize_tests(folder: Path) -> str:
    """Return the tests of all reports as Markdown: a table with a row for each report, then the failed tests."""
    rows, failures = [], []
    total = 0
    for file in sorted(folder.rglob("*.xml")):
        root = ET.parse(file).getroot()  # noqa: S314 -- jobs of this run wrote it
        cases = list(root.iter("testcase"))
        failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        name = file.parent.name.removeprefix("junit-")
        rows.append(f"| {name} | {len(cases)} | {len(failed)} | {float(root.get('time', '0')):.0f} s |")
        failures += [f"- `{case.get('classname')}` `{case.get('name')}`" for case in failed]
        total += len(cases)
    lines = [
        f"### {total} tests, {len(failures)} failed",
        "",
        "| | tests | failed | time |",
        "|---|--:|--:|--:|",
        *rows,
    ]
    if failures:
        hidden = len(failures) - MAX_LISTED_FAILURES
        lines += ["", *failures[:MAX_LISTED_FAILURES], *([f"- and {hidden} more"] if hidden > 0 else [])]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the summary; exit with 1 if a job has not succeeded."""
    text = summarize_tests(Path(sys.argv[1]))
    others = unsuccessful_jobs(json.loads(os.environ["NEEDS"]))
    if others:
        text += "\n" + "".join(f"- job `{job}`: {result}\n" for job, result in others.items())
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.write(text)
    sys.stdout.write(text)
    sys.exit(bool(others))


if __name__ == "__main__":
    main()
