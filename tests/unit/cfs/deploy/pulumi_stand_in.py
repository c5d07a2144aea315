"""A stand-in for `pulumi`: it records its arguments, keeps a state, and refuses work on a locked stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_TYPE = "aws:sns/topic:Topic"
PREVIEW: dict[str, Any] = {
    "config": {"aws:region": "us-west-2"},
    "steps": [
        {
            "op": "create",
            "urn": f"urn:pulumi:prod::claudefs-infra::{_TYPE}::alerts",
            "newState": {"type": _TYPE, "inputs": {"name": "alerts"}},
        }
    ],
}

STAND_IN = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 9
echo "$*" >> told
case "$1 $2" in
"up "* | "stack import" | "refresh "*)
  test ! -e lock || { cat lock >&2; exit 255; }
  ;;
esac
case "$1" in
preview)
  while test "$1" != --save-plan; do shift; done
  echo plan > "$2"
  cat preview.json
  exit "$(cat preview.status)"
  ;;
up)
  while test "$1" != --plan; do shift; done
  cp "$2" applied
  ;;
stack)
  test "$2" = export || cp "$4" state.json
  cat state.json
  ;;
cancel)
  rm lock
  ;;
esac
"""


def show(folder: Path, preview: dict[str, Any] = PREVIEW, *, status: int = 0, state: object = None) -> None:
    """Set the output of previews and the state."""
    (folder / "preview.json").write_text(json.dumps(preview))
    (folder / "preview.status").write_text(str(status))
    (folder / "state.json").write_text(json.dumps({"version": 3, "deployment": state or {}}))


def told(folder: Path) -> list[str]:
    """Return the arguments of each call, except calls that only read the state."""
    return [line for line in (folder / "told").read_text().splitlines() if not line.startswith("stack export")]
