"""The commands that the bench times, and how it runs them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import yaml

from infra.naming import CONFIG_NAMESPACE, LOCAL_STACK
from infra.project import PROJECT_FOLDER
from measure.killable_up import CFS_COMMAND
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local.engine import LocalEngine

TITLES = {
    "previewEmpty": "preview of an empty program (pulumi alone)",
    "previewFloor": "preview of an empty program with the SDK modules (floor)",
    "previewStack": "preview of the stack, no change",
    "preview50StorageNodes": "preview with 50 storage nodes, no change",
    "preview500StorageNodes": "preview with 500 storage nodes, no change",
    "previewRefresh": "preview of the stack with refresh, no change",
    "cfsPreviewStack": "cfs local preview, no change",
    "upStack": "up, nothing to change",
    "cfsUpStack": "cfs local up, nothing to change",
    "obtainToolchain": "toolchain.obtain_toolchain(), warm",
    "firstUp": "first up",
    "destroy": "destroy",
    "terraformPlan": "terraform plan -refresh=false, no change",
    "terraformRefresh": "terraform plan, no change",
    "terraformApply": "first terraform apply",
    "terraformDestroy": "terraform destroy",
}
"""Descriptions of the timed commands, by their names in the figures."""

PREVIEW_BY_NODES = {5: "previewStack", 50: "preview50StorageNodes", 500: "preview500StorageNodes"}
"""Previews by the number of storage nodes; the settings' default is 5."""

WATCHED_COMMANDS = ("previewStack", "previewRefresh", "firstUp")
"""Commands whose processes are sampled."""

DEADLINE_SECONDS = 600.0
"""The longest that a timed command may take."""


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

    def time_run(self) -> float:
        """Run the command, and return how long it took, in seconds."""
        began = time.perf_counter()
        self.read_output()
        return time.perf_counter() - began

    def read_output(self) -> str:
        """Run the command, and return its standard output."""
        done = subprocess.run(
            self.arguments,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_SECONDS,
        )
        if done.returncode != 0:
            raise failed_command(self, status=done.returncode, said=done.stdout + done.stderr)
        return done.stdout


def failed_command(command: TimedCommand, *, status: int, said: str) -> UserError:
    """Return the error of a timed command that failed."""
    return UserError(
        f"`{' '.join(command.arguments)}` ended with status {status}:\n{said}",
        repair="run `make up` and repair what it says",
    )


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


def write_program(folder: Path, *, name: str, source: str) -> Path:
    """Write a Pulumi program."""
    folder.mkdir()
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": runtime}))
    (folder / "__main__.py").write_text(source)
    return folder


def import_modules(modules: Sequence[str]) -> str:
    """Return the source of a program that loads SDK modules and declares nothing."""
    return "\n".join(["import pulumi", *(f"import {module}" for module in modules)]) + "\n"


def pulumi_command(engine: LocalEngine, *arguments: str, folder: Path = PROJECT_FOLDER) -> TimedCommand:
    """Return a command of plain `pulumi` on an account's stack."""
    environment = engine_environment(engine)
    pulumi = shutil.which("pulumi", path=environment["PATH"]) or "pulumi"
    settings = ("--config-file", str(engine.settings)) if engine.settings else ()
    return TimedCommand(
        arguments=(pulumi, *arguments, "--non-interactive", "--stack", LOCAL_STACK, *settings),
        folder=folder,
        environment=environment,
    )


def engine_environment(engine: LocalEngine) -> dict[str, str]:
    """Return the environment that selects an account; this process's own selects the one that was opened last."""
    return {**engine.account.command_environment(), "CFS_LOCAL_DIR": str(engine.account.folder)}


def unchanged_commands(engines: Mapping[int, LocalEngine], modules: Sequence[str]) -> dict[str, TimedCommand]:
    """Return the commands that change nothing.

    Args:
        engines: Deployed stacks, by number of storage nodes.
        modules: SDK modules that the stack's program loads.
    """
    engine = engines[5]
    folder = engine.account.folder
    empty = write_program(folder / "empty", name="empty", source=import_modules([]))
    floor = write_program(folder / "floor", name="floor", source=import_modules(modules))
    # The settings are of the stack's own program.
    bare = replace(engine, settings=None)
    for program in (empty, floor):
        init_stack(bare, program)
    own = TimedCommand(arguments=(), folder=PROJECT_FOLDER, environment=engine_environment(engine))
    obtain = "from toolchain import obtain_toolchain; obtain_toolchain()"
    return {
        "previewEmpty": pulumi_command(bare, "preview", folder=empty),
        "previewFloor": pulumi_command(bare, "preview", folder=floor),
        **{name: pulumi_command(engines[nodes], "preview") for nodes, name in PREVIEW_BY_NODES.items()},
        "previewRefresh": pulumi_command(engine, "preview", "--refresh"),
        "cfsPreviewStack": replace(own, arguments=(*CFS_COMMAND, "local", "preview")),
        "upStack": pulumi_command(engine, "up", "--yes", "--skip-preview"),
        "cfsUpStack": replace(own, arguments=(*CFS_COMMAND, "local", "up")),
        "obtainToolchain": replace(own, arguments=(sys.executable, "-c", obtain)),
    }


def whole_commands(engine: LocalEngine) -> dict[str, TimedCommand]:
    """Return the commands that create and destroy a stack, to be run in this order on a new account."""
    return {
        "firstUp": pulumi_command(engine, "up", "--yes", "--skip-preview"),
        "destroy": pulumi_command(engine, "destroy", "--yes", "--skip-preview", "--exclude-protected"),
    }


def init_stack(engine: LocalEngine, program: Path) -> None:
    """Create a program's stack."""
    pulumi_command(engine, "stack", "init", "--no-select", folder=program).time_run()
