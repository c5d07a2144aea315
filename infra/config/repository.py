"""Constants of the GitHub repository that settings and components share."""

from __future__ import annotations

from typing import Literal

DeliveryMethod = Literal["commit", "pull-request"]
"""How workflow files reach the default branch: directly or through a pull request."""

DEFAULT_BRANCH = "main"
"""ClaudeFS's default branch."""

PULL_REQUEST_REFS = "refs/pull/*/merge"
"""Refs of jobs that run for pull requests, as a pattern for an environment's branch policy."""

REPOSITORY_VARIABLES = ("AWS_REGION", "AWS_ROLE_ARN", "CACHE_BUCKET", "CACHE_ROLE_ARN", "PREVIEW_ENVIRONMENTS")
"""Actions variables that the stack which manages the repository declares for all jobs."""

JOB_VARIABLES = ("ARTIFACT_BUCKET", "AWS_REGION", "AWS_ROLE_ARN", "PULUMI_STACK", "STATE_BUCKET")
"""Actions variables that each stack declares in its GitHub environments."""
