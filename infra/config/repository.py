"""Assumptions of settings and components about the GitHub repository."""

from __future__ import annotations

from typing import Literal

DeliveryMethod = Literal["commit", "pull-request"]
"""Ways in which files reach the default branch."""

DEFAULT_BRANCH = "main"
"""ClaudeFS's default branch."""

PULL_REQUEST_REFS = "refs/pull/*/merge"
"""Refs of pull requests' jobs, in the form of an environment's branch policy."""
