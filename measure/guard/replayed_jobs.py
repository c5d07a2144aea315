"""The jobs of the replayed day: agents push to main every hour; all figures are assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.workflows.scripts.report import CacheStats, JobReport, JobTests

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPILATIONS = 500
_UPDATE_HOUR = 9
"""Hour in which dependencies are updated, so that most crates are compiled again."""

_BROKEN_HOUR = 17
"""Hour in which a test fails."""


def replayed_jobs(hour: int) -> Iterator[tuple[str, JobReport]]:
    """Yield the workflows' names with their jobs in an hour of the day."""
    misses = 320 if hour == _UPDATE_HOUR else 20 + 11 * (hour % 4)
    cache = CacheStats(hits=_COMPILATIONS - misses, misses=misses, errors=0)
    compiling = 420 + 2 * misses
    yield "CI Build", JobReport(job="build", seconds=compiling, cache=cache)
    yield "All Tests", JobReport(job="compile", seconds=compiling + 150, cache=cache)
    for number, crate in enumerate(("claudefs-storage", "claudefs-meta")):
        failed = int(hour == _BROKEN_HOUR and number == 1)
        tests = JobTests(count=640 + 210 * number + 3 * hour, failed=failed)
        yield "All Tests", JobReport(job=f"test {crate}", seconds=260 + 90 * number + 4 * hour, tests=tests)
