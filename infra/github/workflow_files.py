"""The workflow files, delivered unchanged to the repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_github as github

from infra.component import Component
from infra.config.repository import DEFAULT_BRANCH
from infra.github.delivery import (
    DELIVERY_BRANCH,
    DELIVERY_MARK,
    delivered_files,
    delivery_message,
    git_blob_hash,
    read_delivered,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infra.config.repository import DeliveryMethod


@dataclass(frozen=True, kw_only=True)
class WorkflowFilesArgs:
    """Inputs of the delivered workflow files.

    Attributes:
        repository: Name of the repository, without its owner.
        delivered: Whether this stack delivers the files; otherwise nothing is declared.
        delivery: `commit` to the default branch, or `pull-request` if the branch is protected.
    """

    repository: str
    delivered: bool
    delivery: DeliveryMethod = "commit"


class WorkflowFiles(Component):
    """The files in the repository, or in a pull request.

    Files that are removed from the stack stay in the repository, so builds still work after the stack is destroyed.

    Attributes:
        paths: Paths of the files in the repository; empty if another stack delivers them.
        pull_request: Number of the pull request that delivers changed files, or "".
    """

    paths: pulumi.Output[list[str]]
    pull_request: pulumi.Output[str]

    def __init__(self, name: str, *, args: WorkflowFilesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the files."""
        super().__init__(name, opts=opts)
        self._repository = args.repository
        files = delivered_files() if args.delivered else {}
        self.pull_request = pulumi.Output.from_input("")
        if args.delivery == "commit":
            self._declare_files(files, branch=None)
        elif changed := undelivered_files(files, self._repository) if files else {}:
            self.pull_request = self._declare_pull_request(changed)
        self.paths = pulumi.Output.from_input(list(files))
        self.register_declared_outputs()

    def _declare_pull_request(self, files: Mapping[str, Path]) -> pulumi.Output[str]:
        """Declare a branch with the files and a pull request that merges it into the default branch."""
        branch = github.Branch(
            "delivery",
            repository=self._repository,
            branch=DELIVERY_BRANCH,
            source_branch=DEFAULT_BRANCH,
            opts=self.child_options(retain_on_delete=True),
        )
        committed = self._declare_files(files, branch=branch.branch)
        request = github.RepositoryPullRequest(
            "delivery",
            base_repository=self._repository,
            base_ref=DEFAULT_BRANCH,
            head_ref=branch.branch,
            title=f"Update workflows {DELIVERY_MARK}",
            body="Brings the workflow files that claudefs-infra delivers. Edit them there.",
            opts=self.child_options(depends_on=committed, retain_on_delete=True),
        )
        number: pulumi.Output[int] = request.number
        return number.apply(str)

    def _declare_files(
        self, files: Mapping[str, Path], *, branch: pulumi.Output[str] | None
    ) -> list[github.RepositoryFile]:
        """Declare files that depend on each other in order, since GitHub refuses concurrent commits to a branch."""
        committed: list[github.RepositoryFile] = []
        for target, source in files.items():
            committed.append(
                github.RepositoryFile(
                    target,
                    repository=self._repository,
                    branch=branch,
                    file=target,
                    content=read_delivered(source),
                    commit_message=delivery_message(target),
                    # The file may exist already; the stack then adopts it instead of failing.
                    overwrite_on_create=True,
                    opts=self.child_options(depends_on=committed[-1:], retain_on_delete=True),
                )
            )
        return committed


def undelivered_files(files: Mapping[str, Path], repository: str) -> dict[str, Path]:
    """Return the files whose content on the default branch is missing or different."""
    tree = github.get_tree(repository=repository, tree_sha=DEFAULT_BRANCH, recursive=True)
    there = {entry.path: entry.sha for entry in tree.entries}
    return {
        target: source for target, source in files.items() if there.get(target) != git_blob_hash(read_delivered(source))
    }
