"""Steps that check whether they are done, so a command can be interrupted and run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a command.

    Attributes:
        title: The step's action, in the imperative.
        is_done: Returns whether nothing is left to do; raises UserError if something prevents the step.
        run: Performs the step.
    """

    title: str
    is_done: Callable[[], bool]
    run: Callable[[], object]


def run_steps(steps: Iterable[Step], *, dry_run: bool) -> None:
    """Run the steps that are not done, or only print them.

    Args:
        steps: The steps, in order.
        dry_run: Print the steps without running them.
    """
    for step in steps:
        done = step.is_done()
        label = "done before" if done else "to do" if dry_run else "now"
        console.print(f"  {label:<12} {step.title}", soft_wrap=True)
        if not done and not dry_run:
            step.run()
