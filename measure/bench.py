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

from infra.naming import NAMESPACE
from infra.project import PROJECT_FOLDER
from local import servers
from local.account import STACK
from measure import sdk_imports
from measure.killable_up import COMMAND
from measure.scratch_account import scratch_engine
from terminal.errors import UserError
from terminal.progress import step
from terminal.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from local.engine import LocalEngine

EMPTY = "preview of an empty program (pulumi alone)"
FLOOR = "preview of an empty program with the SDK modules (floor)"
PREVIEW = "preview of the stack, no change"
PREVIEW_OF_CFS = "cfs preview, no change"
UP = "up, nothing to change"
UP_OF_CFS = "cfs up, nothing to change"
OBTAIN = "toolchain.obtain(), warm"

NODES = {5: PREVIEW, 50: "preview with 50 storage nodes, no change", 500: "preview with 500 storage nodes, no change"}
"""Previews by the number of storage nodes, of which the settings' default is 5."""

_DEADLINE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Command:
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
class Measured:
    """What the runs have shown.

    Attributes:
        seconds: The times of each command, in the order of the rounds.
        resources: How many resources the stack has, by its number of storage nodes.
        loaded: What the program loads of the SDKs.
    """

    seconds: Mapping[str, Sequence[float]]
    resources: Mapping[int, int]
    loaded: sdk_imports.Loaded


def run(*, runs: int) -> Measured:
    """Deploy to an account of its own and time everything there.

    Raises:
        UserError: Pulumi cannot be had, or a command fails.
    """
    loaded = sdk_imports.load()
    with _clusters() as engines:
        commands = _commands(engines, loaded)
        with step(f"{runs} rounds after one warm-up") as progress:
            rounds = []
            for number in range(runs + 1):
                rounds.append({name: _time(command) for name, command in commands.items()})
                progress.advance(number + 1, runs + 1)
        resources = {
            nodes: len(engine.query_json("stack", "export")["deployment"]["resources"])
            for nodes, engine in engines.items()
        }
    seconds = {name: [of_round[name] for of_round in rounds[1:]] for name in commands}
    return Measured(seconds=seconds, resources=resources, loaded=loaded)


@contextmanager
def _clusters() -> Iterator[dict[int, LocalEngine]]:
    """Deploy the stack with each number of storage nodes, on accounts of their own: one deployment, resized."""
    with ExitStack() as accounts:
        first = accounts.enter_context(scratch_engine())
        with step("Deploying what is measured"):
            first.query("up", "--yes", "--skip-preview")
        servers.stop(first.account.folder)
        engines = {}
        for nodes in NODES:
            copy = accounts.enter_context(scratch_engine(like=first.account.folder))
            with step(f"Resizing to {nodes} storage nodes"):
                engines[nodes] = replace(copy, settings=write_settings(copy.account.folder, nodes=nodes))
                engines[nodes].query("up", "--yes", "--skip-preview")
        yield engines


def write_settings(folder: Path, *, nodes: int) -> Path:
    """Write the local stack's settings with so many storage nodes, three of five in site A."""
    settings = yaml.safe_load((PROJECT_FOLDER / f"Pulumi.{STACK}.yaml").read_text())
    in_site_a = nodes * 3 // 5
    settings["config"][f"{NAMESPACE}:nodeGroups"] = {
        "storage-a": {"count": in_site_a},
        "storage-b": {"count": nodes - in_site_a},
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def _commands(engines: Mapping[int, LocalEngine], loaded: sdk_imports.Loaded) -> dict[str, Command]:
    environments = {
        # Of all these accounts only the last opened one is that of this process.
        nodes: {**engine.account.environment(), "CFS_LOCAL_DIR": str(engine.account.folder)}
        for nodes, engine in engines.items()
    }
    folder, environment = engines[5].account.folder, environments[5]
    pulumi = shutil.which("pulumi", path=environment["PATH"]) or "pulumi"
    preview = (pulumi, "preview", "--non-interactive", "--stack", STACK)
    empty = write_program(folder / "empty", name="empty", packages=[])
    floor = write_program(folder / "floor", name="floor", packages=sdk_imports.packages(loaded.modules))
    for program in (empty, floor):
        arguments = (pulumi, "stack", "init", STACK, "--no-select", "--non-interactive")
        _time(Command(arguments=arguments, folder=program, environment=environment))
    timed = {
        EMPTY: (preview, empty),
        FLOOR: (preview, floor),
        PREVIEW_OF_CFS: ((*COMMAND, "local", "preview"), PROJECT_FOLDER),
        UP: ((pulumi, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK), PROJECT_FOLDER),
        UP_OF_CFS: ((*COMMAND, "local", "up"), PROJECT_FOLDER),
        OBTAIN: ((sys.executable, "-c", "from toolchain import obtain; obtain()"), PROJECT_FOLDER),
    }
    # One round runs them all, so that a machine that is slow for a while is slow for all of them.
    return {
        **{
            NODES[nodes]: Command(
                arguments=(*preview, "--config-file", str(engine.settings)),
                folder=PROJECT_FOLDER,
                environment=environments[nodes],
            )
            for nodes, engine in engines.items()
        },
        **{
            name: Command(arguments=arguments, folder=where, environment=environment)
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


def _time(command: Command) -> float:
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


def ratio(measured: Measured, numerator: str, denominator: str) -> float:
    """Compare two commands: the median of their ratios within each round."""
    pairs = zip(measured.seconds[numerator], measured.seconds[denominator], strict=True)
    return median(above / below for above, below in pairs)


def per_resource(measured: Measured) -> float:
    """Give what each resource adds to a preview, in seconds: the median over the rounds.

    It includes the providers' start, which the floor does without.
    """
    pairs = zip(measured.seconds[PREVIEW], measured.seconds[FLOOR], strict=True)
    return median((stack - floor) / measured.resources[5] for stack, floor in pairs)


def unused(loaded: sdk_imports.Loaded) -> list[str]:
    """Name the packages that are loaded although no resource and no function that the program uses is in them."""
    needed = {sdk_imports.package_of(token) for token in loaded.tokens}
    return [
        package for package in sdk_imports.packages(loaded.modules) if package not in needed | set(sdk_imports.SDKS)
    ]


def report(measured: Measured) -> Report:
    """Tell what was measured."""
    rows = [
        (
            name,
            f"{median(seconds):.2f} s",
            f"{min(seconds):.2f} … {max(seconds):.2f} s",
            f"{ratio(measured, name, FLOOR):.2f}",
        )
        for name, seconds in measured.seconds.items()
    ]
    loaded = sdk_imports.packages(measured.loaded.modules)
    return Report(
        title=f"{measured.resources[5]} resources, medians of {len(measured.seconds[FLOOR])}",
        columns=("what", "median", "range", "÷ floor"),
        rows=rows,
        notes=[
            f"{1000 * per_resource(measured):.1f} ms a resource: (stack - floor) / {measured.resources[5]}",
            *(
                f"{nodes} storage nodes: {measured.resources[nodes]} resources, "
                f"preview ÷ that with 5: {ratio(measured, name, PREVIEW):.2f}"
                for nodes, name in NODES.items()
            ),
            f"{len(measured.loaded.modules)} SDK modules are loaded, in {', '.join(loaded)}",
            f"loaded and not used: {', '.join(unused(measured.loaded)) or 'none'}",
        ],
        figures={
            "resources": measured.resources[5],
            "resourcesByStorageNodes": {str(nodes): count for nodes, count in measured.resources.items()},
            "ratioToFiveStorageNodes": {
                str(nodes): round(ratio(measured, name, PREVIEW), 3) for nodes, name in NODES.items()
            },
            "medianSeconds": {_key(name): round(median(seconds), 3) for name, seconds in measured.seconds.items()},
            "seconds": {_key(name): [round(run, 3) for run in seconds] for name, seconds in measured.seconds.items()},
            "ratioToFloor": {_key(name): round(ratio(measured, name, FLOOR), 3) for name in measured.seconds},
            "secondsPerResource": round(per_resource(measured), 5),
            "sdkModules": len(measured.loaded.modules),
            "sdkPackages": loaded,
            "sdkPackagesUnused": unused(measured.loaded),
        },
    )


_KEYS = {
    EMPTY: "previewEmpty",
    FLOOR: "previewFloor",
    PREVIEW: "previewStack",
    NODES[50]: "preview50StorageNodes",
    NODES[500]: "preview500StorageNodes",
    PREVIEW_OF_CFS: "cfsPreviewStack",
    UP: "upStack",
    UP_OF_CFS: "cfsUpStack",
    OBTAIN: "obtainToolchain",
}


def _key(name: str) -> str:
    return _KEYS[name]
