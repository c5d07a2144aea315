"""What the stack puts into ClaudeFS's GitHub repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_github as github

from infra.component import Component

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

WORKFLOWS = Path(__file__).parent / "workflows"
"""The workflow files, each delivered as it stands here."""


@dataclass(frozen=True, kw_only=True)
class RepositoryArgs:
    """What goes into the repository.

    Attributes:
        repository: Name of the existing repository, without its owner; it is not managed here.
        variables: Actions variables: nothing secret.
        secrets: Actions secrets by name.
    """

    repository: str
    variables: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, SecretStr]


class Repository(Component):
    """Actions variables, Actions secrets and workflow files of an existing repository.

    Attributes:
        workflow_files: Paths of the files in the repository.
    """

    workflow_files: pulumi.Output[list[str]]

    def __init__(self, name: str, *, args: RepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the repository's contents."""
        super().__init__(name, opts=opts)
        for variable, value in args.variables.items():
            github.ActionsVariable(
                variable,
                repository=args.repository,
                variable_name=variable,
                value=value,
                opts=self.child(delete_before_replace=True),
            )
        for secret, secret_value in args.secrets.items():
            github.ActionsSecret(
                secret,
                repository=args.repository,
                secret_name=secret,
                value=pulumi.Output.secret(secret_value.get_secret_value()),
                opts=self.child(delete_before_replace=True),
            )
        files = [self._workflow_file(path, args.repository) for path in sorted(WORKFLOWS.glob("*.yml"))]
        self.workflow_files = pulumi.Output.all(*(file.file for file in files))
        self.register_outputs({"workflowFiles": self.workflow_files})

    def _workflow_file(self, path: Path, repository: str) -> github.RepositoryFile:
        return github.RepositoryFile(
            path.name,
            repository=repository,
            file=f".github/workflows/{path.name}",
            content=path.read_text(),
            commit_message=f"Update {path.name} from claudefs-infra",
            # The file may exist already: the stack takes it over instead of failing.
            overwrite_on_create=True,
            opts=self.child(delete_before_replace=True),
        )
