"""The bench's tables and figures."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from measure import sdk_imports
from measure.bench.timed_commands import PREVIEW_BY_NODES, TITLES
from terminal.results import CommandResult, ResultTable, to_figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from measure.bench.measurement import BenchMeasurement
    from measure.bench.process_usage import ProcessUsage

TWINS = {
    "terraformPlan": "previewStack",
    "terraformRefresh": "previewRefresh",
    "terraformApply": "firstUp",
    "terraformDestroy": "destroy",
}
"""Terraform's commands, each with the command of Pulumi to compare it with."""


def bench_report(measured: BenchMeasurement) -> CommandResult:
    """Return the report of the measurements."""
    medians = {name: median(seconds) for name, seconds in measured.seconds.items()}
    floor_ratios = {name: measured.median_ratio(name, "previewFloor") for name in medians}
    node_ratios = {nodes: measured.median_ratio(name, "previewStack") for nodes, name in PREVIEW_BY_NODES.items()}
    loaded, resources = sdk_imports.module_packages(measured.loaded.modules), measured.resources[5]
    return CommandResult(
        table=ResultTable(
            title=f"{resources} resources, medians of {len(measured.seconds['previewFloor'])}, "
            f"each answer {1000 * measured.latency:g} ms later",
            columns=("what", "median", "range", "÷ floor"),
            rows=[
                (
                    TITLES[name],
                    f"{medians[name]:.2f} s",
                    f"{min(seconds):.2f} … {max(seconds):.2f} s",
                    f"{floor_ratios[name]:.2f}",
                )
                for name, seconds in measured.seconds.items()
            ],
        ),
        notes=[
            f"{1000 * measured.seconds_per_resource:.1f} ms a resource: (stack - floor) / {resources}",
            *(
                f"{nodes} storage nodes: {measured.resources[nodes]} resources, preview ÷ that with 5: {ratio:.2f}"
                for nodes, ratio in node_ratios.items()
            ),
            *(
                f"{TITLES[pulumi]} ÷ {TITLES[twin]}: {measured.median_ratio(pulumi, twin):.2f}"
                for twin, pulumi in TWINS.items()
                if twin in measured.seconds
            ),
            *(f"{TITLES[name]}: {describe_usage(usage)}" for name, usage in measured.usage.items()),
            *(
                f"{size.resources} resources: first up {size.up_seconds:.1f} s "
                f"({1000 * size.up_seconds / size.resources:.0f} ms each), preview {size.preview_seconds:.1f} s "
                f"({1000 * size.preview_seconds / size.resources:.1f} ms each), {size.peak_mebibytes:.0f} MiB"
                for size in measured.growth
            ),
            f"{len(measured.loaded.modules)} SDK modules are loaded, in {', '.join(loaded)}",
            f"loaded and not used: {', '.join(measured.unused_packages) or 'none'}",
        ],
        figures={
            "latencySeconds": measured.latency,
            "resources": resources,
            "resourcesByStorageNodes": {str(nodes): count for nodes, count in measured.resources.items()},
            "ratioToFiveStorageNodes": {str(nodes): round(ratio, 3) for nodes, ratio in node_ratios.items()},
            "medianSeconds": _round_all(medians),
            "seconds": {name: [round(run, 3) for run in seconds] for name, seconds in measured.seconds.items()},
            "ratioToFloor": _round_all(floor_ratios),
            "secondsPerResource": round(measured.seconds_per_resource, 5),
            "usage": {name: to_figures(usage) for name, usage in measured.usage.items()},
            "growth": [to_figures(size) for size in measured.growth],
            "sdkModules": len(measured.loaded.modules),
            "sdkPackages": loaded,
            "sdkPackagesUnused": measured.unused_packages,
        },
    )


def describe_usage(usage: ProcessUsage) -> str:
    """Return processor time and start by part, and memory, as one line."""
    parts = ", ".join(
        f"{part} {seconds:.1f} s (from {usage.started_seconds[part]:.1f} s)"
        for part, seconds in sorted(usage.processor_seconds.items(), key=lambda item: -item[1])
    )
    return f"{sum(usage.processor_seconds.values()):.1f} s of processor time: {parts}; {usage.peak_mebibytes:.0f} MiB"


def _round_all(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
