"""Refuses a settings file that lacks settings of the deployed stack.

A job deploys the commit that `INFRA_REF` pins. If newer settings were deployed by hand, the job would reset them to
their defaults, and delete secrets and variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.config.settings_file import read_stack_config
from infra.naming import CONFIG_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STACK_TYPE = "pulumi:pulumi:Stack"
"""Type of the resource that has the stack's outputs."""

RUN_OPTIONS = frozenset({"clusterSize"})
"""Settings that a run overrides with an option; the settings file may lack them."""


def refuse_omissions(preview: Mapping[str, Any], settings: Path, *, stack: str) -> list[str]:
    """Return the refusal of a settings file, or nothing if it has all deployed settings."""
    config = read_stack_config(settings)
    deployed = _deployed_settings(preview)
    omitted = [name for name in deployed if name not in RUN_OPTIONS and not _has_setting(config, name)]
    if not omitted:
        return []
    refusal = (
        f"{settings.name} lacks {', '.join(omitted)}, with which {stack} was deployed: a deployment would reset it. "
        "Commit and push the file that has it, then deploy that commit (jobs: gh variable set INFRA_REF --body "
        "COMMIT). To reset a setting on purpose, write its default into the file; to delete a secret, deploy by "
        f"hand: pulumi up --stack {stack}."
    )
    return [refusal]


def _deployed_settings(preview: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings with which the stack was deployed."""
    states = (step.get("oldState") or {} for step in preview.get("steps", []))
    outputs = next((state.get("outputs") or {} for state in states if state.get("type") == STACK_TYPE), {})
    return list(outputs.get("settings", []))


def _has_setting(config: Mapping[str, Any], name: str) -> bool:
    setting, _, secret = name.partition(".")
    value = config.get(f"{CONFIG_NAMESPACE}:{setting}")
    if not secret:
        return value is not None
    # If the whole map is encrypted, its names are not visible.
    return isinstance(value, dict) and (secret in value or "secure" in value)
