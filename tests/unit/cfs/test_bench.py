"""The bench's statistics and report, and that the program loads no SDK module without need."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from infra.project import PROJECT_FOLDER
from measure import bench, sdk_imports

if TYPE_CHECKING:
    from pathlib import Path

LOADED = sdk_imports.LoadedModules(
    modules=["pulumi_aws", "pulumi_aws.get_region", "pulumi_aws.ec2", "pulumi_aws.ec2.vpc", "pulumi_aws.s3.bucket"],
    tokens=["aws:ec2/vpc:Vpc", "aws:index/getRegion:getRegion"],
)


def measured(*, floor: list[float], stack: list[float], resources: int = 10) -> bench.BenchMeasurement:
    seconds = dict.fromkeys(bench.TITLES, floor) | dict.fromkeys(bench.PREVIEW_BY_NODES.values(), stack)
    return bench.BenchMeasurement(
        seconds=seconds | {bench.PREVIEW_BY_NODES[500]: [2 * run for run in stack]},
        resources=dict.fromkeys(bench.PREVIEW_BY_NODES, resources),
        loaded=LOADED,
    )


def test_the_program_loads_only_the_sdk_packages_that_it_uses() -> None:
    loaded = sdk_imports.load_program()
    assert bench.unused_packages(loaded) == []
    assert {sdk_imports.token_package(token) for token in loaded.tokens} <= set(
        sdk_imports.module_packages(loaded.modules)
    )
    assert "aws:ec2/vpc:Vpc" in loaded.tokens


def test_a_package_without_a_resource_or_function_in_use_is_reported() -> None:
    assert bench.unused_packages(LOADED) == ["pulumi_aws.s3"]


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
    assert bench.median_ratio(slow_once, "previewStack", "previewFloor") == pytest.approx(2.1)


def test_the_cost_of_a_resource_is_the_time_above_the_floor() -> None:
    assert bench.seconds_per_resource(measured(floor=[1.0, 1.0, 1.0], stack=[1.2, 1.3, 9.0])) == pytest.approx(0.03)


def test_the_figures_are_json_of_medians_ratios_and_counts() -> None:
    figures = json.loads(json.dumps(bench.bench_report(measured(floor=[1.0, 2.0, 3.0], stack=[2.0, 4.0, 6.0])).figures))
    assert figures["medianSeconds"]["previewFloor"] == 2.0
    assert figures["ratioToFloor"]["previewStack"] == 2.0
    assert figures["seconds"]["previewStack"] == [2.0, 4.0, 6.0]
    assert figures["resources"] == 10
    assert figures["resourcesByStorageNodes"] == {"5": 10, "50": 10, "500": 10}
    assert figures["ratioToFiveStorageNodes"] == {"5": 1.0, "50": 1.0, "500": 2.0}
    assert figures["sdkPackagesUnused"] == ["pulumi_aws.s3"]


@pytest.mark.parametrize("nodes, site_a, site_b", [(5, 3, 2), (50, 30, 20), (500, 300, 200)])
def test_the_settings_of_a_larger_cluster_differ_in_two_counts(
    tmp_path: Path, nodes: int, site_a: int, site_b: int
) -> None:
    settings = yaml.safe_load(bench.write_node_settings(tmp_path, nodes=nodes).read_text())

    counts = settings["config"].pop("claudefs-infra:nodeGroups")
    assert counts == {"storage-a": {"count": site_a}, "storage-b": {"count": site_b}}
    assert settings == yaml.safe_load((PROJECT_FOLDER / "Pulumi.local.yaml").read_text())


def test_the_floor_program_loads_only_the_given_modules(tmp_path: Path) -> None:
    folder = bench.write_program(tmp_path / "floor", name="floor", modules=["pulumi_aws", "pulumi_aws.sns.topic"])
    program = (folder / "__main__.py").read_text()
    check = "import sys; assert 'pulumi_aws.sns.topic' in sys.modules; assert 'pulumi_aws.ec2.vpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{program}{check}"], check=True)
