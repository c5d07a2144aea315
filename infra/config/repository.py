"""Assumptions of settings and components about the GitHub repository."""

from __future__ import annotations

from typing import Literal

DeliveryMethod = Literal["commit", "pull-request"]
"""Ways in which files reach the default branch."""

DEFAULT_BRANCH = "main"
"""ClaudeFS's default branch."""

PULL_REQUEST_REFS = "refs/pull/*/merge"
"""Refs of pull requests' jobs, in the form of an environment's branch policy."""

REPOSITORY_VARIABLES = ("AWS_REGION", "AWS_ROLE_ARN", "CACHE_BUCKET", "CACHE_ROLE_ARN", "PREVIEW_ENVIRONMENTS")
"""Actions variables that the managing stack declares for all jobs."""

JOB_VARIABLES = ("ARTIFACT_BUCKET", "AWS_REGION", "AWS_ROLE_ARN", "PULUMI_STACK", "STATE_BUCKET")
"""Actions variables that a stack declares in each of its environments."""
