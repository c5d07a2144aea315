"""Location of the Pulumi project."""

from __future__ import annotations

from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parent.parent
"""The folder that contains `Pulumi.yaml`, which is also the repository's root."""
