"""The Pulumi project: where it is."""

from __future__ import annotations

from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parent.parent
"""The folder of `Pulumi.yaml`, which is also the root of the repository."""
