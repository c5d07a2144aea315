"""Pulumi's type tokens of what the stack declares at GitHub."""

from __future__ import annotations

BRANCH = "github:index/branch:Branch"
DEPLOYMENT_POLICY = "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"
FILE = "github:index/repositoryFile:RepositoryFile"
PULL_REQUEST = "github:index/repositoryPullRequest:RepositoryPullRequest"
REPOSITORY_SECRET = "github:index/actionsSecret:ActionsSecret"  # noqa: S105 — a type's name
ENVIRONMENT_SECRET = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"  # noqa: S105 — likewise
