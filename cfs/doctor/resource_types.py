"""Pulumi's type tokens of the stack's GitHub resources."""

from __future__ import annotations

BRANCH_TYPE = "github:index/branch:Branch"
ENVIRONMENT_TYPE = "github:index/repositoryEnvironment:RepositoryEnvironment"
DEPLOYMENT_POLICY_TYPE = "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"
REPOSITORY_FILE_TYPE = "github:index/repositoryFile:RepositoryFile"
PULL_REQUEST_TYPE = "github:index/repositoryPullRequest:RepositoryPullRequest"
REPOSITORY_VARIABLE_TYPE = "github:index/actionsVariable:ActionsVariable"
ENVIRONMENT_VARIABLE_TYPE = "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable"
REPOSITORY_SECRET_TYPE = "github:index/actionsSecret:ActionsSecret"  # noqa: S105 — a type's name
ENVIRONMENT_SECRET_TYPE = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"  # noqa: S105 — a type's name
