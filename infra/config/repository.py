"""What settings and components assume about the GitHub repository."""

from __future__ import annotations

from typing import Literal

DeliveryMethod = Literal["commit", "pull-request"]
"""How files reach the default branch."""

DEFAULT_BRANCH = "main"
"""ClaudeFS's default branch."""

PULL_REQUEST_REFS = "refs/pull/*/merge"
"""Where jobs of pull requests run, as environments name it among their branches."""
