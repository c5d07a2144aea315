"""Resources of ClaudeFS's GitHub repository that exist once for all stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_github as github

from infra.component import Component

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr


@dataclass(frozen=True, kw_only=True)
class RepositoryArgs:
    """Inputs of the repository component.

    Attributes:
        repository: Name of the existing repository, without its owner; the repository itself is not managed.
        managed: Whether this stack declares these resources; otherwise nothing is declared.
        variables: Actions variables that every job can read; not secret. Empty ones are omitted.
        secrets: Actions secrets that every job can read, by name.
    """

    repository: str
    managed: bool
    variables: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, SecretStr]


class Repository(Component):
    """Actions permissions of an existing repository, and the variables and secrets of all its jobs.

    Attributes:
        managed: Whether this stack declares these resources.
    """

    managed: bool

    def __init__(self, name: str, *, args: RepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the permissions, variables and secrets."""
        super().__init__(name, opts=opts)
        self.managed = args.managed
        if args.managed:
            self._restrict_actions(args.repository)
            self._set_variables_and_secrets(args)
        self.register_declared_outputs()

    def _restrict_actions(self, repository: str) -> None:
        github.ActionsRepositoryPermissions(
            "actions",
            repository=repository,
            enabled=True,
            allowed_actions="all",
            # A tag can be moved to other code, but a commit hash cannot.
            sha_pinning_required=True,
            opts=self.child_options(),
        )
        github.WorkflowRepositoryPermissions(
            "workflow-token",
            repository=repository,
            default_workflow_permissions="read",
            can_approve_pull_request_reviews=False,
            opts=self.child_options(),
        )

    def _set_variables_and_secrets(self, args: RepositoryArgs) -> None:
        for variable, value in args.variables.items():
            if value == "":
                continue  # GitHub has no empty ones
            github.ActionsVariable(
                variable,
                repository=args.repository,
                variable_name=variable,
                value=value,
                opts=self.child_options(delete_before_replace=True),
            )
        for secret, secret_value in args.secrets.items():
            github.ActionsSecret(
                secret,
                repository=args.repository,
                secret_name=secret,
                value=pulumi.Output.secret(secret_value.get_secret_value()),
                opts=self.child_options(delete_before_replace=True),
            )
