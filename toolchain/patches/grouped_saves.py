"""One save of the state serves all steps that wait for one.

The engine saves the whole state before and after each step, one save after the other. So the time of a first `up` grows
with the square of the number of resources. With this change, the steps that wait while a save runs share the next one.
Each step still continues only after a state that records it has been saved. docs/benchmarks.md has the figures.
"""

from __future__ import annotations

from toolchain.patches.source_patch import SourcePatch

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

GROUPED_SAVES = SourcePatch(
    module="github.com/pulumi/pulumi/pkg/v3",
    file="backend/snapshot.go",
    function="func (sm *SnapshotManager) defaultServiceLoop(",
    replacements=((_SAVE_FOR_ONE, _SAVE_FOR_ALL),),
)
