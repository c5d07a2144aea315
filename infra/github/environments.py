"""A GitHub environment: its reviewers, its allowed branches, and the variables and secrets of its jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_github as github

from infra.component import Component

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Protection of an environment: reviewers and waiting time.

    Attributes:
        users: Logins of the users who may approve.
        teams: Slugs of the owner's teams whose members may approve; at most six users and teams in total.
        prevent_self_review: Whether the user who starts a job is barred from approving it.
        wait_minutes: Delay of each job, 0 to 43,200 minutes.
    """

    users: Sequence[str] = ()
    teams: Sequence[str] = ()
    prevent_self_review: bool = False
    wait_minutes: int = 0


@dataclass(frozen=True, kw_only=True)
class DeploymentEnvironmentArgs:
    """Inputs of the environment.

    Attributes:
        repository: Name of the repository, without its owner.
        environment: Name of the environment, which is part of its jobs' OIDC subject.
        branches: Patterns of the branches whose jobs may use the environment; none: branches with branch protection.
        approval: Required approval; by default none.
        variables: Actions variables of the environment's jobs; not secret.
        secrets: Actions secrets of the environment's jobs, by name.
    """

    repository: str
    environment: str
    branches: Sequence[str]
    variables: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, SecretStr]
    approval: Approval = field(default_factory=Approval)


class DeploymentEnvironment(Component):
    """One environment with its variables and secrets.

    Attributes:
        environment: Name of the environment; resolves once its protection is in place.
    """

    environment: pulumi.Output[str]

    def __init__(
        self, name: str, *, args: DeploymentEnvironmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare the environment."""
        super().__init__(name, opts=opts)
        self._name = name
        environment = self._declare_environment(args)
        policies = [self._declare_branch_policy(pattern, args.repository, environment) for pattern in args.branches]
        self._set_variables_and_secrets(args, environment)
        self.environment = pulumi.Output.all(environment.environment, *(policy.id for policy in policies)).apply(
            lambda known: str(known[0])
        )
        self.register_declared_outputs()

    def _declare_environment(self, args: DeploymentEnvironmentArgs) -> github.RepositoryEnvironment:
        approval = args.approval
        reviewers = {
            "users": [_numeric_id(github.get_user_output(username=login).id) for login in approval.users],
            "teams": [_numeric_id(github.get_team_output(slug=slug, summary_only=True).id) for slug in approval.teams],
        }
        return github.RepositoryEnvironment(
            self._name,
            repository=args.repository,
            environment=args.environment,
            reviewers=[{kind: ids for kind, ids in reviewers.items() if ids}] if any(reviewers.values()) else None,
            prevent_self_review=approval.prevent_self_review,
            wait_timer=approval.wait_minutes or None,
            # Administrators must not bypass a required approval.
            can_admins_bypass=not any(reviewers.values()),
            deployment_branch_policy={
                "protected_branches": not args.branches,
                "custom_branch_policies": bool(args.branches),
            },
            opts=self.child_options(delete_before_replace=True),
        )

    def _declare_branch_policy(
        self, pattern: str, repository: str, environment: github.RepositoryEnvironment
    ) -> github.RepositoryEnvironmentDeploymentPolicy:
        return github.RepositoryEnvironmentDeploymentPolicy(
            f"{self._name}-{pattern}",
            repository=repository,
            environment=environment.environment,
            branch_pattern=pattern,
            opts=self.child_options(delete_before_replace=True),
        )

    def _set_variables_and_secrets(
        self, args: DeploymentEnvironmentArgs, environment: github.RepositoryEnvironment
    ) -> None:
        for variable, value in args.variables.items():
            github.ActionsEnvironmentVariable(
                f"{self._name}-{variable}",
                repository=args.repository,
                environment=environment.environment,
                variable_name=variable,
                value=value,
                opts=self.child_options(delete_before_replace=True),
            )
        for secret, secret_value in args.secrets.items():
            github.ActionsEnvironmentSecret(
                f"{self._name}-{secret}",
                repository=args.repository,
                environment=environment.environment,
                secret_name=secret,
                value=pulumi.Output.secret(secret_value.get_secret_value()),
                opts=self.child_options(delete_before_replace=True),
            )


def _numeric_id(text: pulumi.Output[str]) -> pulumi.Output[int]:
    """Return the numeric ID of a user or a team, which the provider returns as text."""
    return text.apply(int)
