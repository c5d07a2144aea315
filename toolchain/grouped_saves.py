"""A change of Pulumi's engine that the build applies: one save of the state serves all steps that wait for one.

The engine saves the whole state before and after each step, one save after the other. So the time of a first `up` grows
with the square of the number of resources. With this change, the steps that wait while a save runs share the next one.
Each step still continues only after a state that records it has been saved. docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.source_patch import replace_once

if TYPE_CHECKING:
    from pathlib import Path

ENGINE_MODULE = "github.com/pulumi/pulumi/pkg/v3"
"""The module of the engine."""

SNAPSHOT_FILE = "backend/snapshot.go"
"""The file that saves the state, by its path in the module."""

_SAVE_FOR_ONE = """\
			var err error
			if request.mutator() {
				err = sm.saveSnapshot()
				hasElidedWrites = false
			} else {
				hasElidedWrites = true
			}
			request.result <- err
"""
_SAVE_FOR_ALL = """\
			mustSave := request.mutator()
			served := []mutationRequest{request}
			for isWaiting := true; isWaiting; {
				select {
				case another := <-mutationRequests:
					mustSave = another.mutator() || mustSave
					served = append(served, another)
				default:
					isWaiting = false
				}
			}
			var err error
			if mustSave {
				err = sm.saveSnapshot()
			}
			hasElidedWrites = !mustSave
			for _, request := range served {
				request.result <- err
			}
"""


def save_for_all_waiting(module: Path) -> None:
    """Change when the engine saves the state; what it saves stays the same.

    Args:
        module: A copy of the module's folder.

    Raises:
        LookupError: The code differs from what this change expects, because the module's version has changed.
    """
    file = module / SNAPSHOT_FILE
    file.write_text(replace_once(file.read_text(), _SAVE_FOR_ONE, _SAVE_FOR_ALL, place=SNAPSHOT_FILE))
