"""Times previews against the floor: the time of any program that imports the same SDK modules.

Also checks that a larger cluster takes no longer, as more nodes do not add resources to the stack.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

import yaml

from infra.naming import CONFIG_NAMESPACE, LOCAL_STACK
from infra.project import PROJECT_FOLDER
from local import servers
from measure import sdk_imports
from measure.killable_up import CFS_COMMAND
from measure.scratch_account import scratch_engine
from terminal.errors import UserError
from terminal.progress import show_progress
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from local.engine import LocalEngine

TITLES = {
    "previewEmpty": "preview of an empty program (pulumi alone)",
    "previewFloor": "preview of an empty program with the SDK modules (floor)",
    "previewStack": "preview of the stack, no change",
    "preview50StorageNodes": "preview with 50 storage nodes, no change",
    "preview500StorageNodes": "preview with 500 storage nodes, no change",
    "cfsPreviewStack": "cfs local preview, no change",
    "upStack": "up, nothing to change",
    "cfsUpStack": "cfs local up, nothing to change",
    "obtainToolchain": "toolchain.obtain_toolchain(), warm",
}
"""Descriptions of the timed commands, by their names in the figures."""

PREVIEW_BY_NODES = {5: "previewStack", 50: "preview50StorageNodes", 500: "preview500StorageNodes"}
"""Previews by the number of storage nodes; the settings' default is 5."""

_DEADLINE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class TimedCommand:
    """A command to time.

    Attributes:
        arguments: The command line.
        folder: The working directory.
        environment: The environment, which selects the account.
    """

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class BenchMeasurement:
    """The results of all runs.

    Attributes:
        seconds: The times of each command in `TITLES`, in the order of the rounds.
        resources: Number of the stack's resources, by number of storage nodes.
        loaded: SDK modules that the program loads.
    """

    seconds: Mapping[str, Sequence[float]]
    resources: Mapping[int, int]
    loaded: sdk_imports.LoadedModules


def measure_previews(*, runs: int) -> BenchMeasurement:
    """Deploy to a new account, and time all commands there."""
    loaded = sdk_imports.load_program()
    with _deployed_clusters() as engines:
        commands = _timed_commands(engines, loaded)
        with show_progress(f"{runs} rounds after one warm-up") as progress:
            rounds = []
            for number in range(runs + 1):
                rounds.append({name: _time_command(command) for name, command in commands.items()})
                progress.advance_to(number + 1, runs + 1)
        resources = {
            nodes: len(engine.query_json("stack", "export")["deployment"]["resources"])
            for nodes, engine in engines.items()
        }
    seconds = {name: [of_round[name] for of_round in rounds[1:]] for name in commands}
    return BenchMeasurement(seconds=seconds, resources=resources, loaded=loaded)


@contextmanager
def _deployed_clusters() -> Iterator[dict[int, LocalEngine]]:
    """Deploy the stack once, and resize copies of its account to each number of storage nodes."""
    with ExitStack() as accounts:
        first = accounts.enter_context(scratch_engine())
        with show_progress("Deploying what is measured"):
            first.query_text("up", "--yes", "--skip-preview")
        servers.stop_emulators(first.account.folder)
        engines = {}
        for nodes in PREVIEW_BY_NODES:
            copy = accounts.enter_context(scratch_engine(like=first.account.folder))
            with show_progress(f"Resizing to {nodes} storage nodes"):
                engines[nodes] = replace(copy, settings=write_node_settings(copy.account.folder, nodes=nodes))
                engines[nodes].query_text("up", "--yes", "--skip-preview")
        yield engines


def write_node_settings(folder: Path, *, nodes: int) -> Path:
    """Write the local stack's settings with a number of storage nodes, three fifths of them in site A."""
    settings = yaml.safe_load((PROJECT_FOLDER / f"Pulumi.{LOCAL_STACK}.yaml").read_text())
    in_site_a = nodes * 3 // 5
    settings["config"][f"{CONFIG_NAMESPACE}:nodeGroups"] = {
        "storage-a": {"count": in_site_a},
        "storage-b": {"count": nodes - in_site_a},
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def _timed_commands(engines: Mapping[int, LocalEngine], loaded: sdk_imports.LoadedModules) -> dict[str, TimedCommand]:
    environments = {
        # This process's own variables select only the account that was opened last.
        nodes: {**engine.account.command_environment(), "CFS_LOCAL_DIR": str(engine.account.folder)}
        for nodes, engine in engines.items()
    }
    folder, environment = engines[5].account.folder, environments[5]
    pulumi = shutil.which("pulumi", path=environment["PATH"]) or "pulumi"
    preview = (pulumi, "preview", "--non-interactive", "--stack", LOCAL_STACK)
    empty = write_program(folder / "empty", name="empty", modules=[])
    floor = write_program(folder / "floor", name="floor", modules=loaded.modules)
    for program in (empty, floor):
        arguments = (pulumi, "stack", "init", LOCAL_STACK, "--no-select", "--non-interactive")
        _time_command(TimedCommand(arguments=arguments, folder=program, environment=environment))
    up = (pulumi, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", LOCAL_STACK)
    obtain = (sys.executable, "-c", "from toolchain import obtain_toolchain; obtain_toolchain()")
    timed = {
        "previewEmpty": (preview, empty),
        "previewFloor": (preview, floor),
        "cfsPreviewStack": ((*CFS_COMMAND, "local", "preview"), PROJECT_FOLDER),
        "upStack": (up, PROJECT_FOLDER),
        "cfsUpStack": ((*CFS_COMMAND, "local", "up"), PROJECT_FOLDER),
        "obtainToolchain": (obtain, PROJECT_FOLDER),
    }
    # Each round runs all commands, so that a temporary slowdown of the machine affects all of them.
    commands = {
        name: TimedCommand(arguments=arguments, folder=where, environment=environment)
        for name, (arguments, where) in timed.items()
    }
    for nodes, engine in engines.items():
        commands[PREVIEW_BY_NODES[nodes]] = TimedCommand(
            arguments=(*preview, "--config-file", str(engine.settings)),
            folder=PROJECT_FOLDER,
            environment=environments[nodes],
        )
    return commands


def write_program(folder: Path, *, name: str, modules: Sequence[str]) -> Path:
    """Write a Pulumi program that loads the given SDK modules and declares nothing."""
    folder.mkdir()
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": runtime}))
    lines = ["import pulumi", *(f"import {module}" for module in modules)]
    (folder / "__main__.py").write_text("\n".join(lines) + "\n")
    return folder


def _time_command(command: TimedCommand) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        command.arguments,
        cwd=command.folder,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE_SECONDS,
    )
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise UserError(
            f"`{' '.join(command.arguments)}` ended with status {done.returncode}:\n{done.stdout}{done.stderr}",
            repair="run `make up` and repair what it says",
        )
    return seconds


def median_ratio(measured: BenchMeasurement, numerator: str, denominator: str) -> float:
    """Return the median of the ratios of two commands' times within each round."""
    pairs = zip(measured.seconds[numerator], measured.seconds[denominator], strict=True)
    return median(above / below for above, below in pairs)


def seconds_per_resource(measured: BenchMeasurement) -> float:
    """Return the time that each resource adds to a preview, in seconds: the median over the rounds.

    It includes the start of the providers, which the floor does not need.
    """
    pairs = zip(measured.seconds["previewStack"], measured.seconds["previewFloor"], strict=True)
    return median((stack - floor) / measured.resources[5] for stack, floor in pairs)


def unused_packages(loaded: sdk_imports.LoadedModules) -> list[str]:
    """Return the loaded packages that contain no resource and no function that the program uses."""
    needed = {sdk_imports.token_package(token) for token in loaded.tokens} | set(sdk_imports.SDK_NAMES)
    return [package for package in sdk_imports.module_packages(loaded.modules) if package not in needed]


def bench_report(measured: BenchMeasurement) -> CommandResult:
    """Return the report of the measurements."""
    medians = {name: median(seconds) for name, seconds in measured.seconds.items()}
    floor_ratios = {name: median_ratio(measured, name, "previewFloor") for name in medians}
    node_ratios = {nodes: median_ratio(measured, name, "previewStack") for nodes, name in PREVIEW_BY_NODES.items()}
    loaded, unused = sdk_imports.module_packages(measured.loaded.modules), unused_packages(measured.loaded)
    resources, per_resource = measured.resources[5], seconds_per_resource(measured)
    return CommandResult(
        table=ResultTable(
            title=f"{resources} resources, medians of {len(measured.seconds['previewFloor'])}",
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
            f"{1000 * per_resource:.1f} ms a resource: (stack - floor) / {resources}",
            *(
                f"{nodes} storage nodes: {measured.resources[nodes]} resources, preview ÷ that with 5: {ratio:.2f}"
                for nodes, ratio in node_ratios.items()
            ),
            f"{len(measured.loaded.modules)} SDK modules are loaded, in {', '.join(loaded)}",
            f"loaded and not used: {', '.join(unused) or 'none'}",
        ],
        figures={
            "resources": resources,
            "resourcesByStorageNodes": {str(nodes): count for nodes, count in measured.resources.items()},
            "ratioToFiveStorageNodes": {str(nodes): round(ratio, 3) for nodes, ratio in node_ratios.items()},
            "medianSeconds": {name: round(seconds, 3) for name, seconds in medians.items()},
            "seconds": {name: [round(run, 3) for run in seconds] for name, seconds in measured.seconds.items()},
            "ratioToFloor": {name: round(ratio, 3) for name, ratio in floor_ratios.items()},
            "secondsPerResource": round(per_resource, 5),
            "sdkModules": len(measured.loaded.modules),
            "sdkPackages": loaded,
            "sdkPackagesUnused": unused,
        },
    )
