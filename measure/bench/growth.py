"""How time and memory of a deployment grow with the number of resources.

The stack itself has as many resources with 500 nodes as with 5. So a program declares the stack's most frequent kinds
of resources again and again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from infra.naming import LOCAL_STACK
from infra.project import PROJECT_FOLDER
from measure.bench.process_usage import watch_command
from measure.bench.timed_commands import init_stack, pulumi_command, write_program
from measure.scratch_account import scratch_engine
from terminal.progress import show_progress

if TYPE_CHECKING:
    from local.engine import LocalEngine

GROWTH_SETS = (16, 39, 61, 84)
"""How often the program declares its set of 12 resources: about 200, 470, 730 and 1,000 resources."""

_PROGRAM_FILE = Path(__file__).with_name("growth_program.py")


@dataclass(frozen=True, kw_only=True)
class GrownStack:
    """A deployment of one size.

    Attributes:
        resources: Number of resources in the state.
        up_seconds: Duration of the first `up`, in seconds.
        preview_seconds: Duration of a preview without changes, in seconds.
        peak_mebibytes: Memory of the preview's processes, in MiB.
    """

    resources: int
    up_seconds: float
    preview_seconds: float
    peak_mebibytes: float


def grow_stacks() -> list[GrownStack]:
    """Deploy the program in each size, on an account each."""
    grown = []
    with show_progress(f"Deploying {len(GROWTH_SETS)} sizes of a growing program") as progress:
        for number, sets in enumerate(GROWTH_SETS, start=1):
            with scratch_engine() as engine:
                grown.append(_deploy_sets(engine, sets))
            progress.advance_to(number, len(GROWTH_SETS))
    return grown


def _deploy_sets(engine: LocalEngine, sets: int) -> GrownStack:
    source = f"{_PROGRAM_FILE.read_text()}\n\ndeclare_sets({sets})\n"
    program = write_program(engine.account.folder / "growth", name="growth", source=source)
    # The emulated account needs the local stack's settings of the AWS provider.
    settings = yaml.safe_load((PROJECT_FOLDER / f"Pulumi.{LOCAL_STACK}.yaml").read_text())["config"]
    of_provider = {key: value for key, value in settings.items() if key.startswith("aws:")}
    (program / f"Pulumi.{LOCAL_STACK}.yaml").write_text(yaml.safe_dump({"config": of_provider}))
    init_stack(engine, program)
    preview = pulumi_command(engine, "preview", folder=program)
    up_seconds = pulumi_command(engine, "up", "--yes", "--skip-preview", folder=program).time_run()
    exported = json.loads(pulumi_command(engine, "stack", "export", folder=program).read_output())
    return GrownStack(
        resources=len(exported["deployment"]["resources"]),
        up_seconds=up_seconds,
        preview_seconds=preview.time_run(),
        peak_mebibytes=watch_command(preview).peak_mebibytes,
    )
