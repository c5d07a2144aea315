"""The bench's statistics and report, and that the program loads no SDK module without need."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from infra.project import PROJECT_FOLDER
from local.account import LocalAccount
from local.engine import LocalEngine
from measure import sdk_imports
from measure.bench.growth import GrownStack
from measure.bench.growth_plot import draw_growth
from measure.bench.measurement import BenchMeasurement, parse_latency
from measure.bench.parallelism import ParallelRun, parallelism_report, parse_parallel
from measure.bench.process_usage import ProcessUsage, process_part, watch_command
from measure.bench.report import bench_report
from measure.bench.timed_commands import (
    PREVIEW_BY_NODES,
    TITLES,
    TimedCommand,
    import_modules,
    unchanged_commands,
    write_node_settings,
    write_program,
)
from terminal.errors import UserError
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOADED = sdk_imports.LoadedModules(
    modules=["pulumi_aws", "pulumi_aws.get_region", "pulumi_aws.ec2", "pulumi_aws.ec2.vpc", "pulumi_aws.s3.bucket"],
    tokens=["aws:ec2/vpc:Vpc", "aws:index/getRegion:getRegion"],
)
USAGE = ProcessUsage(
    processor_seconds={"engine": 1.5, "program": 2.5},
    started_seconds={"engine": 0.0, "program": 0.3},
    peak_mebibytes=300.0,
)
GROWN = [
    GrownStack(resources=200, up_seconds=8.0, preview_seconds=2.0, peak_mebibytes=300.0),
    GrownStack(resources=1000, up_seconds=40.0, preview_seconds=10.0, peak_mebibytes=500.0),
]


def measured(*, floor: list[float], stack: list[float], resources: int = 10) -> BenchMeasurement:
    seconds = dict.fromkeys(TITLES, floor) | dict.fromkeys(PREVIEW_BY_NODES.values(), stack)
    return BenchMeasurement(
        latency=0.1,
        seconds=seconds | {PREVIEW_BY_NODES[500]: [2 * run for run in stack]},
        resources=dict.fromkeys(PREVIEW_BY_NODES, resources),
        loaded=LOADED,
        usage={"previewStack": USAGE},
        growth=GROWN,
    )


def test_the_program_loads_only_the_sdk_packages_that_it_uses() -> None:
    loaded = sdk_imports.load_program()
    assert BenchMeasurement(seconds={}, resources={}, loaded=loaded).unused_packages == []
    assert {sdk_imports.token_package(token) for token in loaded.tokens} <= set(
        sdk_imports.module_packages(loaded.modules)
    )
    assert "aws:ec2/vpc:Vpc" in loaded.tokens


def test_a_package_without_a_resource_or_function_in_use_is_reported() -> None:
    assert measured(floor=[1.0], stack=[1.0]).unused_packages == ["pulumi_aws.s3"]


@pytest.mark.parametrize(
    "token,package",
    [
        ("aws:ec2/vpc:Vpc", "pulumi_aws.ec2"),
        ("aws:lambda/function:Function", "pulumi_aws.lambda_"),
        ("aws:index/getRegion:getRegion", "pulumi_aws"),
        ("github:index/actionsVariable:ActionsVariable", "pulumi_github"),
    ],
)
def test_a_token_names_its_package(token: str, package: str) -> None:
    assert sdk_imports.token_package(token) == package


def test_ratios_are_taken_within_a_round() -> None:
    # The machine was ten times slower in the third round, for both programs.
    slow_once = measured(floor=[1.0, 1.0, 10.0], stack=[2.0, 2.2, 21.0])
    assert slow_once.median_ratio("previewStack", "previewFloor") == pytest.approx(2.1)


def test_the_cost_of_a_resource_is_the_time_above_the_floor() -> None:
    assert measured(floor=[1.0, 1.0, 1.0], stack=[1.2, 1.3, 9.0]).seconds_per_resource == pytest.approx(0.03)


def test_the_figures_are_json_of_medians_ratios_and_counts() -> None:
    figures = json.loads(json.dumps(bench_report(measured(floor=[1.0, 2.0, 3.0], stack=[2.0, 4.0, 6.0])).figures))
    assert figures["latencySeconds"] == 0.1
    assert figures["medianSeconds"]["previewFloor"] == 2.0
    assert figures["ratioToFloor"]["previewStack"] == 2.0
    assert figures["seconds"]["previewStack"] == [2.0, 4.0, 6.0]
    assert figures["resources"] == 10
    assert figures["resourcesByStorageNodes"] == {"5": 10, "50": 10, "500": 10}
    assert figures["ratioToFiveStorageNodes"] == {"5": 1.0, "50": 1.0, "500": 2.0}
    assert figures["sdkPackagesUnused"] == ["pulumi_aws.s3"]
    assert figures["usage"]["previewStack"]["peakMebibytes"] == 300.0
    assert [size["resources"] for size in figures["growth"]] == [200, 1000]


def test_the_report_compares_with_terraform_and_names_memory_and_growth() -> None:
    notes = "\n".join(bench_report(measured(floor=[1.0, 2.0], stack=[2.0, 4.0])).notes)
    assert "preview of the stack, no change ÷ terraform plan -refresh=false, no change: 2.00" in notes
    assert "4.0 s of processor time: program 2.5 s (from 0.3 s), engine 1.5 s (from 0.0 s); 300 MiB" in notes
    assert "1000 resources: first up 40.0 s (40 ms each), preview 10.0 s (10.0 ms each), 500 MiB" in notes


def test_without_terraform_nothing_is_compared() -> None:
    alone = measured(floor=[1.0], stack=[2.0])
    seconds = {name: times for name, times in alone.seconds.items() if not name.startswith("terraform")}
    report = bench_report(BenchMeasurement(seconds=seconds, resources=alone.resources, loaded=LOADED))
    assert "terraform" not in "\n".join(report.notes)


def test_the_plot_has_a_point_for_each_size_of_both_lines() -> None:
    plot = draw_growth(GROWN)
    assert plot.count("<circle") == 4
    assert "first up" in plot


@pytest.mark.parametrize("nodes, site_a, site_b", [(5, 3, 2), (50, 30, 20), (500, 300, 200)])
def test_the_settings_of_a_larger_cluster_differ_in_two_counts(
    tmp_path: Path, nodes: int, site_a: int, site_b: int
) -> None:
    settings = yaml.safe_load(write_node_settings(tmp_path, nodes=nodes).read_text())

    counts = settings["config"].pop("claudefs-infra:nodeGroups")
    assert counts == {"storage-a": {"count": site_a}, "storage-b": {"count": site_b}}
    assert settings == yaml.safe_load((PROJECT_FOLDER / "Pulumi.local.yaml").read_text())


def test_the_floor_program_loads_only_the_given_modules(tmp_path: Path) -> None:
    source = import_modules(["pulumi_aws", "pulumi_aws.sns.topic"])
    program = (write_program(tmp_path / "floor", name="floor", source=source) / "__main__.py").read_text()
    check = "import sys; assert 'pulumi_aws.sns.topic' in sys.modules; assert 'pulumi_aws.ec2.vpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{program}{check}"], check=True)


def test_programs_other_than_the_stacks_are_run_without_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Sequence[str]] = []
    monkeypatch.setattr(TimedCommand, "time_run", lambda command: ran.append(command.arguments))
    toolchain = Toolchain(origin="path", version="3", path=(), env={})
    account = LocalAccount(folder=tmp_path, toolchain=toolchain, aws_url="", github_url="")
    engines = {nodes: LocalEngine(account=account, settings=tmp_path / f"{nodes}.yaml") for nodes in PREVIEW_BY_NODES}

    commands = unchanged_commands(engines, ["pulumi_aws"])

    others = [*ran, *(commands[name].arguments for name in ("previewEmpty", "previewFloor"))]
    assert len(others) == 4
    assert not [arguments for arguments in others if "--config-file" in arguments]
    assert str(tmp_path / "500.yaml") in commands["preview500StorageNodes"].arguments


@pytest.mark.parametrize("wrong", ["100", "0.1s", "-5ms", "6000ms", "ms"])
def test_a_latency_without_milliseconds_or_too_long_is_refused(wrong: str) -> None:
    assert parse_latency("100ms") == 0.1
    with pytest.raises(UserError, match="latency"):
        parse_latency(wrong)


def test_processes_are_counted_by_their_part_of_a_run(tmp_path: Path) -> None:
    assert process_part(["/home/user/plugins/pulumi-resource-aws", "127.0.0.1:1"]) == "AWS provider"
    assert process_part(["/usr/bin/pulumi", "preview"]) == "engine"
    assert process_part(["/bin/sh", "-c", "true"]) == "other"

    source = "import subprocess, sys, time; subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.4)'])"
    command = TimedCommand(arguments=(sys.executable, "-c", source), folder=tmp_path, environment={})
    usage = watch_command(command)
    assert set(usage.processor_seconds) == {"other"}
    assert usage.peak_mebibytes > 5


def test_a_watched_command_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ended with status 1"):
        watch_command(TimedCommand(arguments=("false",), folder=tmp_path, environment={"PATH": "/usr/bin:/bin"}))


def test_numbers_of_parallel_operations_are_read_and_a_wrong_one_is_named() -> None:
    assert parse_parallel("8, 16") == [8, 16]
    for wrong in ("8,x", "0", "8,,16", "1001"):
        with pytest.raises(UserError, match=f"in --parallel {wrong} is not a number from 1 to 1000"):
            parse_parallel(wrong)


def test_the_comparison_of_parallel_operations_names_times_and_refused_requests() -> None:
    run = ParallelRun(parallel=16, seconds={"firstUp": 23.24, "destroy": 9}, throttled={"firstUp": 2, "destroy": 1})
    report = parallelism_report([run], latency=0.1)
    assert report.table is not None
    assert report.table.rows == [("16", "23.2 s", "9.0 s", "3")]
    assert report.figures["runs"] == [
        {"parallel": 16, "seconds": {"firstUp": 23.24, "destroy": 9}, "throttled": {"firstUp": 2, "destroy": 1}}
    ]
