"""The programs that the workflows call on GitHub's runners."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from infra.workflows.scripts import package, plan, report, result, verify

if TYPE_CHECKING:
    from pathlib import Path

JUNIT = """\
<testsuites name="nextest-run" tests="3" time="1.5">
  <testsuite name="claudefs-meta">
    <testcase classname="claudefs-meta" name="raft::tests::elects" time="0.1"/>
    <testcase classname="claudefs-meta" name="raft::tests::votes" time="0.1"><failure message="no"/></testcase>
    <testcase classname="claudefs-meta" name="raft::tests::dies" time="0.1"><error message="no"/></testcase>
  </testsuite>
</testsuites>
"""

STATS = {
    "stats": {
        "cache_hits": {"counts": {"Rust": 70, "C/C++": 20}, "adv_counts": {}},
        "cache_misses": {"counts": {"Rust": 10}, "adv_counts": {}},
        "cache_errors": {"counts": {}, "adv_counts": {}},
        "cache_read_errors": 1,
        "cache_write_errors": 0,
        "cache_timeouts": 2,
    }
}


def suites(**counts: int) -> dict[str, object]:
    return {
        "rust-suites": {
            f"{crate}::lib": {"package-name": crate, "testcases": {f"t{number}": {} for number in range(count)}}
            for crate, count in counts.items()
        }
    }


def test_a_small_crate_gets_one_job() -> None:
    assert plan.job_matrix(suites(small=1), ["small"]) == [{"crate": "small", "slice": "1/1", "id": "small-1"}]


def test_a_large_crate_gets_slices() -> None:
    jobs = plan.job_matrix(suites(large=2 * plan.TESTS_PER_JOB + 1), ["large"])
    assert [job["slice"] for job in jobs] == ["1/3", "2/3", "3/3"]


def test_all_test_binaries_of_a_crate_count() -> None:
    tests = suites(crate=plan.TESTS_PER_JOB)
    more = suites(crate=1)["rust-suites"]
    assert isinstance(more, dict)
    assert isinstance(tests["rust-suites"], dict)
    tests["rust-suites"]["crate::tests"] = more["crate::lib"]
    assert len(plan.job_matrix(tests, ["crate"])) == 2


def test_a_crate_without_tests_fails_the_plan() -> None:
    with pytest.raises(SystemExit, match="forgotten"):
        plan.job_matrix(suites(tested=1), ["tested", "forgotten"])


def test_the_plan_is_the_steps_output(tmp_path: Path) -> None:
    (tmp_path / "tests.json").write_text(json.dumps(suites(tested=1)))
    (tmp_path / "workspace.json").write_text(json.dumps({"packages": [{"name": "tested"}]}))
    run(plan.__file__, "tests.json", "workspace.json", folder=tmp_path, GITHUB_OUTPUT="output")
    name, _, value = (tmp_path / "output").read_text().partition("=")
    assert name == "matrix"
    assert json.loads(value) == {"include": [{"crate": "tested", "slice": "1/1", "id": "tested-1"}]}


def test_hits_of_all_languages_count() -> None:
    cache = report.read_cache(STATS)
    assert cache == report.CacheStats(hits=90, misses=10, errors=3)
    assert cache.hit_rate == 90


def test_there_is_no_rate_without_compilations() -> None:
    nothing = report.JobReport(job="fmt", seconds=5, cache=report.CacheStats(hits=0, misses=0, errors=0))
    assert "nothing to compile" in report.job_summary(nothing)
    assert [metric["MetricName"] for metric in report.job_metrics(nothing, workflow="CI")] == ["Duration"]


@pytest.mark.parametrize("hits, is_low", [(74, True), (75, False)])
def test_a_rate_below_the_wanted_one_is_marked(hits: int, is_low: bool) -> None:  # noqa: FBT001 -- a table's column
    shown = report.job_summary(
        report.JobReport(job="build", seconds=61, cache=report.CacheStats(hits=hits, misses=100 - hits, errors=0))
    )
    assert (":warning:" in shown) == is_low
    assert "1 min 01 s" in shown


def test_failures_and_errors_are_failed_tests(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_text(JUNIT)
    assert report.read_junit(tmp_path / "junit.xml") == report.JobTests(count=3, failed=2)


def test_a_job_whose_tests_did_not_run_fails(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no"):
        report.read_junit(tmp_path / "junit.xml")


def test_metrics_are_by_workflow_and_job() -> None:
    told = report.JobReport(
        job="test",
        seconds=90,
        cache=report.CacheStats(hits=9, misses=1, errors=0),
        tests=report.JobTests(count=3, failed=2),
    )
    data = report.job_metrics(told, workflow="All Tests")
    assert {metric["MetricName"]: (metric["Value"], metric["Unit"]) for metric in data} == {
        "Duration": (90, "Seconds"),
        "CacheHitRate": (90.0, "Percent"),
        "Tests": (3, "Count"),
        "FailedTests": (2, "Count"),
    }
    dimensions = [{"Name": "Workflow", "Value": "All Tests"}, {"Name": "Job", "Value": "test"}]
    assert all(metric["Dimensions"] == dimensions for metric in data)


@pytest.mark.parametrize(
    "ref, key, is_sent",
    [("refs/heads/main", "key", True), ("refs/heads/main", None, False), ("refs/pull/1/merge", "key", False)],
)
def test_metrics_are_sent_from_main_where_there_are_credentials(
    tmp_path: Path,
    ref: str,
    key: str | None,
    is_sent: bool,  # noqa: FBT001 -- a table's column
) -> None:
    (tmp_path / "cfs-started").write_text("0\n")
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "aws").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > sent\n')
    (commands / "aws").chmod(0o755)
    run(
        report.__file__,
        folder=tmp_path,
        PATH=f"{commands}:/usr/bin:/bin",
        HOME=str(tmp_path),
        RUNNER_TEMP=str(tmp_path),
        GITHUB_JOB="docs",
        GITHUB_WORKFLOW="CI Build",
        GITHUB_REF=ref,
        GITHUB_STEP_SUMMARY="summary",
        AWS_ACCESS_KEY_ID=key,
    )
    assert (tmp_path / "summary").read_text().startswith("**docs**: ")
    assert (tmp_path / "sent").exists() == is_sent
    if is_sent:
        assert "CFS/CI" in (tmp_path / "sent").read_text().splitlines()


def test_only_success_is_a_success() -> None:
    needs = {name: {"result": name} for name in ("success", "failure", "cancelled", "skipped")}
    assert list(result.unsuccessful_jobs(needs)) == ["failure", "cancelled", "skipped"]


@pytest.mark.parametrize("outcome, status", [("success", 0), ("skipped", 1)])
def test_the_result_is_that_of_all_jobs(tmp_path: Path, outcome: str, status: int) -> None:
    (tmp_path / "junit" / "junit-claudefs-meta-1").mkdir(parents=True)
    (tmp_path / "junit" / "junit-claudefs-meta-1" / "junit.xml").write_text(JUNIT)
    needs = json.dumps({"test": {"result": outcome}})
    done = run(result.__file__, "junit", folder=tmp_path, status=status, NEEDS=needs, GITHUB_STEP_SUMMARY="summary")
    assert done == (tmp_path / "summary").read_text()
    assert "| claudefs-meta-1 | 3 | 2 | 2 s |" in done
    assert "`raft::tests::votes`" in done
    assert ("skipped" in done) == (status == 1)


def test_a_long_list_of_failures_is_cut(tmp_path: Path) -> None:
    cases = "".join(f"<testcase classname='c' name='t{number}'><failure/></testcase>" for number in range(103))
    (tmp_path / "junit.xml").write_text(f"<testsuites time='1'>{cases}</testsuites>")
    assert "and 3 more" in result.summarize_tests(tmp_path)


def programs(folder: Path, *, machine: int) -> Path:
    header = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + machine.to_bytes(2, "little")
    folder.mkdir(exist_ok=True)
    for name in package.RELEASE_PROGRAMS:
        (folder / name).write_bytes(header + name.encode())
    return folder


def test_the_archive_holds_the_programs_and_nothing_else(tmp_path: Path) -> None:
    built = programs(tmp_path / "release", machine=62)
    (built / "build-script").write_text("")
    archive = package.pack_programs(built, "x86_64", tmp_path / "dist")
    listed = subprocess.run(
        ["tar", "--zstd", "--list", "--verbose", "--numeric-owner", f"--file={archive}"],
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert [line[-1] for line in lines] == ["bin/", *(f"bin/{name}" for name in package.RELEASE_PROGRAMS)]
    assert {(line[0], line[1]) for line in lines[1:]} == {("-rwxr-xr-x", "0/0")}


def test_the_same_programs_make_the_same_archive(tmp_path: Path) -> None:
    built = programs(tmp_path / "release", machine=183)
    first = package.pack_programs(built, "aarch64", tmp_path / "first").read_bytes()
    assert package.pack_programs(built, "aarch64", tmp_path / "second").read_bytes() == first


def test_a_program_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="cfs-fuse is not an ELF program for x86_64"):
        package.pack_programs(programs(tmp_path / "release", machine=183), "x86_64", tmp_path)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    built = programs(tmp_path / "release", machine=62)
    (built / "cfs-repl").unlink()
    with pytest.raises(SystemExit, match="cfs-repl"):
        package.pack_programs(built, "x86_64", tmp_path)


def release(folder: Path, *architectures: str) -> Path:
    for architecture in architectures:
        for suffix in ("", ".sigstore.json"):
            (folder / f"claudefs-{architecture}.tar.zst{suffix}").write_text(architecture + suffix)
    return folder


def verified(folder: Path, *, status: int = 0, accepts: bool = True) -> list[str]:
    """Run the check with a stand-in for GitHub's command line; give what that was asked."""
    commands = folder / "commands"
    commands.mkdir()
    (commands / "gh").write_text(f'#!/bin/sh\necho "$@" >> asked\nexit {int(not accepts)}\n')
    (commands / "gh").chmod(0o755)
    path = f"{commands}:/usr/bin:/bin"
    run(verify.__file__, ".", "c" * 40, folder=folder, status=status, PATH=path, GITHUB_REPOSITORY="owner/name")
    return (folder / "asked").read_text().splitlines() if (folder / "asked").exists() else []


def test_every_archive_must_come_from_the_release_workflow_and_the_commit(tmp_path: Path) -> None:
    asked = verified(release(tmp_path, "x86_64", "aarch64"))
    assert len(asked) == 2
    for line in asked:
        assert line.startswith("attestation verify claudefs-")
        assert f"--source-digest {'c' * 40}" in line
        assert "--signer-workflow owner/name/.github/workflows/release-build.yml" in line
        assert "--deny-self-hosted-runners" in line


def test_a_release_that_somebody_else_built_is_refused(tmp_path: Path) -> None:
    assert verified(release(tmp_path, "x86_64"), status=1, accepts=False)


def test_checksums_are_written_for_what_was_just_built_as_sha256sum_reads_them(tmp_path: Path) -> None:
    verified(release(tmp_path, "x86_64"))
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, timeout=30)


@pytest.mark.parametrize("suffix", ["", ".sigstore.json"])
def test_a_file_that_is_not_what_the_checksums_name_is_refused(tmp_path: Path, suffix: str) -> None:
    verify.verify_checksums(release(tmp_path, "x86_64"))
    (tmp_path / f"claudefs-x86_64.tar.zst{suffix}").write_text("other")
    with pytest.raises(SystemExit, match="wrong checksum in SHA256SUMS"):
        verify.verify_checksums(tmp_path)


def test_a_file_that_the_checksums_do_not_name_is_refused(tmp_path: Path) -> None:
    verify.verify_checksums(release(tmp_path, "x86_64"))
    with pytest.raises(SystemExit, match="aarch64"):
        verify.verify_checksums(release(tmp_path, "aarch64"))


def test_an_archive_without_attestation_is_refused(tmp_path: Path) -> None:
    (release(tmp_path, "x86_64") / "claudefs-x86_64.tar.zst.sigstore.json").unlink()
    with pytest.raises(SystemExit, match="no attestation for"):
        verify.list_archives(tmp_path)


def test_a_release_without_archives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no"):
        verify.list_archives(tmp_path)


def run(script: str, *arguments: str, folder: Path, status: int = 0, **variables: str | None) -> str:
    done = subprocess.run(
        [sys.executable, script, *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **{name: value for name, value in variables.items() if value is not None}},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout
