"""How long previews take, against the floor: what any program that imports the same SDK modules takes.

And whether a larger cluster takes longer: the same stack with more nodes has as many resources.
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

EMPTY_PREVIEW = "preview of an empty program (pulumi alone)"
FLOOR_PREVIEW = "preview of an empty program with the SDK modules (floor)"
STACK_PREVIEW = "preview of the stack, no change"
CFS_PREVIEW = "cfs local preview, no change"
STACK_UP = "up, nothing to change"
CFS_UP = "cfs local up, nothing to change"
WARM_OBTAIN = "toolchain.obtain_toolchain(), warm"

PREVIEW_BY_NODES = {
    5: STACK_PREVIEW,
    50: "preview with 50 storage nodes, no change",
    500: "preview with 500 storage nodes, no change",
}
"""Previews by the number of storage nodes, of which the settings' default is 5."""

_DEADLINE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class TimedCommand:
    """What is timed.

    Attributes:
        arguments: The command.
        folder: Where it runs.
        environment: Its environment, which says on which account.
    """

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class BenchMeasurement:
    """What the runs have shown.

    Attributes:
        seconds: The times of each command, in the order of the rounds.
        resources: How many resources the stack has, by its number of storage nodes.
        loaded: What the program loads of the SDKs.
    """

    seconds: Mapping[str, Sequence[float]]
    resources: Mapping[int, int]
    loaded: sdk_imports.LoadedModules


def measure_previews(*, runs: int) -> BenchMeasurement:
    """Deploy to an account of its own and time everything there."""
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
    """Deploy the stack with each number of storage nodes, on accounts of their own: one deployment, resized."""
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
    """Write the local stack's settings with so many storage nodes, three of five in site A."""
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
        # Of all these accounts only the last opened one is that of this process.
        nodes: {**engine.account.command_environment(), "CFS_LOCAL_DIR": str(engine.account.folder)}
        for nodes, engine in engines.items()
    }
    folder, environment = engines[5].account.folder, environments[5]
    pulumi = shutil.which("pulumi", path=environment["PATH"]) or "pulumi"
    preview = (pulumi, "preview", "--non-interactive", "--stack", LOCAL_STACK)
    empty = write_program(folder / "empty", name="empty", packages=[])
    floor = write_program(folder / "floor", name="floor", packages=sdk_imports.module_packages(loaded.modules))
    for program in (empty, floor):
        arguments = (pulumi, "stack", "init", LOCAL_STACK, "--no-select", "--non-interactive")
        _time_command(TimedCommand(arguments=arguments, folder=program, environment=environment))
    timed = {
        EMPTY_PREVIEW: (preview, empty),
        FLOOR_PREVIEW: (preview, floor),
        CFS_PREVIEW: ((*CFS_COMMAND, "local", "preview"), PROJECT_FOLDER),
        STACK_UP: (
            (pulumi, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", LOCAL_STACK),
            PROJECT_FOLDER,
        ),
        CFS_UP: ((*CFS_COMMAND, "local", "up"), PROJECT_FOLDER),
        WARM_OBTAIN: (
            (sys.executable, "-c", "from toolchain import obtain_toolchain; obtain_toolchain()"),
            PROJECT_FOLDER,
        ),
    }
    # One round runs them all, so that a machine that is slow for a while is slow for all of them.
    return {
        **{
            PREVIEW_BY_NODES[nodes]: TimedCommand(
                arguments=(*preview, "--config-file", str(engine.settings)),
                folder=PROJECT_FOLDER,
                environment=environments[nodes],
            )
            for nodes, engine in engines.items()
        },
        **{
            name: TimedCommand(arguments=arguments, folder=where, environment=environment)
            for name, (arguments, where) in timed.items()
        },
    }


def write_program(folder: Path, *, name: str, packages: Sequence[str]) -> Path:
    """Write a Pulumi program that loads some packages of the SDKs and declares nothing."""
    folder.mkdir()
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": runtime}))
    sdks = sorted({package.partition(".")[0] for package in packages})
    # The SDK defers a service's package to the first look at one of its attributes, there or not.
    looks = [f"hasattr({package}, 'anything')" for package in packages]
    lines = ["import pulumi", *(f"import {module}" for module in sdks), *looks]
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
    """Compare two commands: the median of their ratios within each round."""
    pairs = zip(measured.seconds[numerator], measured.seconds[denominator], strict=True)
    return median(above / below for above, below in pairs)


def seconds_per_resource(measured: BenchMeasurement) -> float:
    """Return what each resource adds to a preview, in seconds: the median over the rounds.

    It includes the providers' start, which the floor does without.
    """
    pairs = zip(measured.seconds[STACK_PREVIEW], measured.seconds[FLOOR_PREVIEW], strict=True)
    return median((stack - floor) / measured.resources[5] for stack, floor in pairs)


def unused_packages(loaded: sdk_imports.LoadedModules) -> list[str]:
    """Name the packages that are loaded although no resource and no function that the program uses is in them."""
    needed = {sdk_imports.token_package(token) for token in loaded.tokens}
    return [
        package
        for package in sdk_imports.module_packages(loaded.modules)
        if package not in needed | set(sdk_imports.SDK_NAMES)
    ]


def bench_report(measured: BenchMeasurement) -> CommandResult:
    """Tell what was measured."""
    rows = [
        (
            name,
            f"{median(seconds):.2f} s",
            f"{min(seconds):.2f} … {max(seconds):.2f} s",
            f"{median_ratio(measured, name, FLOOR_PREVIEW):.2f}",
        )
        for name, seconds in measured.seconds.items()
    ]
    loaded = sdk_imports.module_packages(measured.loaded.modules)
    return CommandResult(
        table=ResultTable(
            title=f"{measured.resources[5]} resources, medians of {len(measured.seconds[FLOOR_PREVIEW])}",
            columns=("what", "median", "range", "÷ floor"),
            rows=rows,
        ),
        notes=[
            f"{1000 * seconds_per_resource(measured):.1f} ms a resource: (stack - floor) / {measured.resources[5]}",
            *(
                f"{nodes} storage nodes: {measured.resources[nodes]} resources, "
                f"preview ÷ that with 5: {median_ratio(measured, name, STACK_PREVIEW):.2f}"
                for nodes, name in PREVIEW_BY_NODES.items()
            ),
            f"{len(measured.loaded.modules)} SDK modules are loaded, in {', '.join(loaded)}",
            f"loaded and not used: {', '.join(unused_packages(measured.loaded)) or 'none'}",
        ],
        figures={
            "resources": measured.resources[5],
            "resourcesByStorageNodes": {str(nodes): count for nodes, count in measured.resources.items()},
            "ratioToFiveStorageNodes": {
                str(nodes): round(median_ratio(measured, name, STACK_PREVIEW), 3)
                for nodes, name in PREVIEW_BY_NODES.items()
            },
            "medianSeconds": {
                _figure_key(name): round(median(seconds), 3) for name, seconds in measured.seconds.items()
            },
            "seconds": {
                _figure_key(name): [round(run, 3) for run in seconds] for name, seconds in measured.seconds.items()
            },
            "ratioToFloor": {
                _figure_key(name): round(median_ratio(measured, name, FLOOR_PREVIEW), 3) for name in measured.seconds
            },
            "secondsPerResource": round(seconds_per_resource(measured), 5),
            "sdkModules": len(measured.loaded.modules),
            "sdkPackages": loaded,
            "sdkPackagesUnused": unused_packages(measured.loaded),
        },
    )


_FIGURE_KEYS = {
    EMPTY_PREVIEW: "previewEmpty",
    FLOOR_PREVIEW: "previewFloor",
    STACK_PREVIEW: "previewStack",
    PREVIEW_BY_NODES[50]: "preview50StorageNodes",
    PREVIEW_BY_NODES[500]: "preview500StorageNodes",
    CFS_PREVIEW: "cfsPreviewStack",
    STACK_UP: "upStack",
    CFS_UP: "cfsUpStack",
    WARM_OBTAIN: "obtainToolchain",
}


def _figure_key(name: str) -> str:
    return _FIGURE_KEYS[name]
