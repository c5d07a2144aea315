"""Settings that a stack was deployed with and that are missing where it would be deployed from now.

A job deploys the commit that `INFRA_REF` pins. Where somebody has deployed settings that are not in it, the job would
take them back to their defaults, and delete secrets and variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from infra.naming import CONFIG_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STACK_TYPE = "pulumi:pulumi:Stack"
"""The type of the resource that bears a stack's outputs."""

RUN_OPTIONS = frozenset({"clusterSize"})
"""Settings that an option of a run goes before, so that a settings file need not have them."""


def refuse_omissions(preview: Mapping[str, Any], settings: Path, *, stack: str) -> list[str]:
    """Return why a stack must not be deployed with a settings file: what it lacks. Empty where it lacks nothing.

    Args:
        preview: What the engine has found, as JSON.
        settings: The stack's settings file.
        stack: The stack's name.
    """
    config = (yaml.safe_load(settings.read_text()) or {}).get("config") or {}
    omitted = [name for name in _deployed(preview) if name not in RUN_OPTIONS and not _has(config, name)]
    if not omitted:
        return []
    refusal = (
        f"{settings.name} lacks {', '.join(omitted)}, which {stack} was deployed with: a deployment would take it "
        "back. Commit and push the file that has it, then deploy that commit (jobs: gh variable set INFRA_REF --body "
        "COMMIT). To take a setting back on purpose, write its default into the file; to delete a secret, deploy by "
        f"hand: pulumi up --stack {stack}."
    )
    return [refusal]


def _deployed(preview: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that the stack was deployed with."""
    states = (step.get("oldState") or {} for step in preview.get("steps", []))
    outputs = next((state.get("outputs") or {} for state in states if state.get("type") == STACK_TYPE), {})
    return list(outputs.get("settings", []))


def _has(config: Mapping[str, Any], name: str) -> bool:
    setting, _, secret = name.partition(".")
    value = config.get(f"{CONFIG_NAMESPACE}:{setting}")
    if not secret:
        return value is not None
    # Encrypted as a whole, it does not show its names.
    return isinstance(value, dict) and (secret in value or "secure" in value)
