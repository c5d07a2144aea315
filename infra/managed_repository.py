"""ClaudeFS's GitHub repository: its jobs' roles, variables, secrets, workflow files and environments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.github.environments import Approval, DeploymentEnvironment, DeploymentEnvironmentArgs
from infra.github.jobs_access import GitHubAccess, GitHubAccessArgs, token_subjects
from infra.github.repository import Repository, RepositoryArgs
from infra.github.workflow_files import WorkflowFiles, WorkflowFilesArgs

if TYPE_CHECKING:
    import pulumi

    from infra.access.job_scope import JobScope
    from infra.config.settings import Settings
    from infra.stack_context import SecuredStack
    from infra.storage.storage import Storage


@dataclass(frozen=True, kw_only=True)
class ManagedRepository:
    """Components of the managed repository.

    Attributes:
        access: Roles of the repository's jobs.
        workflow_files: The delivered workflow files.
        deployments: GitHub environment of this stack's deployments.
    """

    access: GitHubAccess
    workflow_files: WorkflowFiles
    deployments: DeploymentEnvironment


def declare_repository(
    settings: Settings,
    *,
    stack: SecuredStack,
    scope: pulumi.Output[JobScope],
    storage: Storage,
    region: pulumi.Output[str],
) -> ManagedRepository:
    """Declare this stack's part of the repository.

    Args:
        settings: The stack's settings.
        stack: The stack.
        scope: Resources that the policies of jobs refer to.
        storage: Buckets that jobs use.
        region: AWS region of the jobs.
    """
    access = _declare_access(settings, stack=stack, scope=scope)
    _declare_variables(settings, storage=storage, access=access, region=region)
    workflow_files = WorkflowFiles(
        "workflow-files",
        args=WorkflowFilesArgs(
            repository=settings.github_repository,
            delivered=settings.manages_repository,
            delivery=settings.workflow_delivery,
        ),
    )
    deployments = _declare_environments(settings, storage=storage, access=access, region=region)
    return ManagedRepository(access=access, workflow_files=workflow_files, deployments=deployments)


def _declare_access(settings: Settings, *, stack: SecuredStack, scope: pulumi.Output[JobScope]) -> GitHubAccess:
    return GitHubAccess(
        "github-access",
        args=GitHubAccessArgs(
            stack=stack,
            creates_provider=settings.github_oidc_provider == "create",
            subjects=token_subjects(
                prefix=settings.github_subject_prefix,
                previewer=settings.preview_subject,
                environment=settings.github_environment,
                builds=settings.manages_repository,
            ),
            scope=scope,
        ),
    )


def _declare_variables(
    settings: Settings, *, storage: Storage, access: GitHubAccess, region: pulumi.Output[str]
) -> None:
    Repository(
        "repository",
        args=RepositoryArgs(
            repository=settings.github_repository,
            managed=settings.manages_repository,
            variables={
                "AWS_REGION": region,
                "CACHE_BUCKET": storage.cache_bucket,
                "CACHE_ROLE_ARN": access.role_arns["ci-read"],
                "AWS_ROLE_ARN": access.role_arns["ci-write"],
                # A deployment must not set INFRA_REPOSITORY and INFRA_REF, which select the code that jobs deploy with.
                "PREVIEW_ENVIRONMENTS": settings.preview_environments_json,
            },
            secrets=settings.actions_secrets,
        ),
    )


def _declare_environments(
    settings: Settings, *, storage: Storage, access: GitHubAccess, region: pulumi.Output[str]
) -> DeploymentEnvironment:
    """Declare the environments for deployments and previews, and return the one for deployments."""
    job_variables: dict[str, pulumi.Input[str]] = {
        "AWS_REGION": region,
        "PULUMI_STACK": settings.environment,
        "STATE_BUCKET": storage.state_bucket,
        "ARTIFACT_BUCKET": storage.artifact_bucket,
    }
    approval = Approval(
        users=settings.reviewer_users,
        teams=settings.reviewer_teams,
        prevent_self_review=settings.prevent_self_review,
    )
    deployments = DeploymentEnvironment(
        "deployments",
        args=DeploymentEnvironmentArgs(
            repository=settings.github_repository,
            environment=settings.github_environment,
            branches=settings.deployment_branches,
            approval=replace(approval, wait_minutes=settings.deployment_wait_minutes),
            variables={**job_variables, "AWS_ROLE_ARN": access.role_arns["deploy"]},
            secrets=settings.environment_secrets,
        ),
    )
    DeploymentEnvironment(
        "previews",
        args=DeploymentEnvironmentArgs(
            repository=settings.github_repository,
            environment=f"{settings.github_environment}-preview",
            branches=settings.preview_branches,
            approval=approval if settings.previews_need_approval else Approval(),
            variables={**job_variables, "AWS_ROLE_ARN": access.role_arns["preview"]},
            secrets=settings.preview_secrets,
        ),
    )
    return deployments
