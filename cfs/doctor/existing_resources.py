"""Judges declared resources that already exist on GitHub: GitHub refuses to create them, or the stack replaces them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.doctor.findings import doubtful_finding, wrong_finding
from cfs.doctor.github_client import GitHubForbidden, GitHubNotFound
from cfs.doctor.resource_types import (
    DEPLOYMENT_POLICY_TYPE,
    ENVIRONMENT_TYPE,
    ENVIRONMENT_VARIABLE_TYPE,
    PULL_REQUEST_TYPE,
    REPOSITORY_FILE_TYPE,
    REPOSITORY_VARIABLE_TYPE,
)
from cfs.doctor.workflows import differing_files
from infra.config.repository import JOB_VARIABLES, REPOSITORY_VARIABLES
from infra.github.delivery import DELIVERY_BRANCH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cfs.doctor.findings import Finding
    from cfs.doctor.github_client import GitHubClient
    from infra.config.settings import Settings

CHECK = "existing"
_IF_UNKNOWN = " The stack's state cannot be read: this matters only if the stack has not created it."


@dataclass(frozen=True, kw_only=True)
class RecordedResources:
    """GitHub resources in a stack's state.

    Attributes:
        resources: Resources as recorded; None if the state cannot be read.
    """

    resources: Collection[Mapping[str, Any]] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the state could be read."""
        return self.resources is not None

    @property
    def count(self) -> int:
        """Number of recorded resources."""
        return len(self.resources or ())

    @property
    def delivered_files(self) -> list[str] | None:
        """Paths of the recorded files; None if the state cannot be read."""
        return None if self.resources is None else self.values(REPOSITORY_FILE_TYPE, "file")

    def values(self, type_token: str, name: str, **inputs: str) -> list[str]:
        """Return one input of each resource of a type, limited to resources that have the given `inputs`."""
        return [
            found["inputs"][name]
            for found in self.resources or ()
            if found["type"] == type_token and inputs.items() <= found["inputs"].items()
        ]


UNKNOWN_STATE = RecordedResources()
"""Resources of a state that cannot be read."""


def judge_existing(
    client: GitHubClient, repository: dict[str, Any], settings: Settings, recorded: RecordedResources
) -> Iterator[Finding]:
    """Judge existing resources that a stack declares and has not recorded."""
    examination = _Examination(client=client, repository=repository, settings=settings, recorded=recorded)
    if settings.manages_repository:
        yield from examination.judge_variables("", REPOSITORY_VARIABLES)
        yield from examination.judge_files()
        yield from examination.judge_pull_request()
    deployments = settings.github_environment
    for name, branches in (
        (deployments, settings.deployment_branches),
        (f"{deployments}-preview", settings.preview_branches),
    ):
        yield from examination.judge_environment(name)
        yield from examination.judge_branch_policies(name, branches)
        yield from examination.judge_variables(name, JOB_VARIABLES)


@dataclass(frozen=True, kw_only=True)
class _Examination:
    client: GitHubClient
    repository: dict[str, Any]
    settings: Settings
    recorded: RecordedResources

    @property
    def name(self) -> str:
        """The repository, OWNER/NAME."""
        return str(self.repository["full_name"])

    def judge_variables(self, environment: str, names: Sequence[str]) -> Iterator[Finding]:
        """Judge variables: GitHub refuses to create an existing one (409).

        https://docs.github.com/en/rest/actions/variables#create-a-repository-variable
        """
        kind = ENVIRONMENT_VARIABLE_TYPE if environment else REPOSITORY_VARIABLE_TYPE
        place, owner = (f"environments/{environment}", environment) if environment else ("actions", "The repository")
        option = f" --env {environment}" if environment else ""
        for name in self._unrecorded(kind, "variableName", environment, names):
            found = self._find(f"{place}/variables/{name}")
            if found is not None:
                yield self._refused_finding(
                    f"{owner} has the variable {name} with the value {found['value']!r}.",
                    repair=f"gh variable delete {name} --repo {self.name}{option}",
                )

    def judge_environment(self, name: str) -> Iterator[Finding]:
        """Judge an environment, whose protection a deployment replaces."""
        if name in self.recorded.values(ENVIRONMENT_TYPE, "environment"):
            return
        if (found := self._find(f"environments/{name}")) is None:
            return
        rules = ", ".join(rule["type"] for rule in found["protection_rules"])
        yield self._replaced_finding(
            f"The environment {name} exists ({rules or 'without protection'}); a deployment replaces its protection.",
            repair="compare it with reviewerUsers, reviewerTeams, deploymentWaitMinutes and deploymentBranches",
        )

    def judge_branch_policies(self, environment: str, branches: Sequence[str]) -> Iterator[Finding]:
        """Judge branch policies: GitHub does not create an existing one again (303), and undeclared ones stay.

        https://docs.github.com/en/rest/deployments/branch-policies#create-a-deployment-branch-policy
        """
        known = self.recorded.values(DEPLOYMENT_POLICY_TYPE, "branchPattern", environment=environment)
        if known and set(branches) <= set(known):
            return
        place = f"environments/{environment}/deployment-branch-policies"
        for policy in (self._find(place) or {}).get("branch_policies", ()):
            name, repair = policy["name"], f"gh api --method DELETE repos/{self.name}/{place}/{policy['id']}"
            if name in known:
                continue
            if name in branches:
                yield self._refused_finding(f"{environment} has the branch policy {name}.", repair=repair)
            else:
                message = (
                    f"A branch policy that no setting declares lets jobs of {name} run in {environment}; it stays."
                )
                yield self._replaced_finding(message, repair=repair)

    def judge_files(self) -> Iterator[Finding]:
        """Judge files that the first delivery replaces."""
        if self.recorded.delivered_files is None or self.settings.workflow_delivery == "pull-request":
            return
        differing = differing_files(self.client, self.name, self.repository["default_branch"])
        replaced = [path for path in differing if path not in self.recorded.delivered_files]
        if replaced:
            yield self._replaced_finding(
                f"{', '.join(replaced)} exists; the first delivery replaces it.",
                repair="copy what you need into infra/workflows",
            )

    def judge_pull_request(self) -> Iterator[Finding]:
        """Judge an open pull request of a delivery: GitHub refuses a second one between the same branches (422)."""
        if self.settings.workflow_delivery != "pull-request" or self.recorded.values(PULL_REQUEST_TYPE, "headRef"):
            return
        head = f"{self.settings.github_owner}:{DELIVERY_BRANCH}"
        for request in self.client.get_json(f"repos/{self.name}/pulls", state="open", head=head).body:
            yield self._refused_finding(
                f"The pull request {request['number']} of {DELIVERY_BRANCH} is open.",
                repair=f"gh pr close {request['number']} --repo {self.name}",
            )

    def _unrecorded(self, kind: str, input_name: str, environment: str, names: Collection[str]) -> list[str]:
        inputs = {"environment": environment} if environment else {}
        known = self.recorded.values(kind, input_name, **inputs)
        return [name for name in names if name not in known]

    def _find(self, path: str) -> Any:
        try:
            return self.client.get_json(f"repos/{self.name}/{path}").body
        except (GitHubNotFound, GitHubForbidden):
            return None

    def _refused_finding(self, message: str, *, repair: str) -> Finding:
        if self.recorded.is_known:
            return wrong_finding(CHECK, f"{message} GitHub would refuse to create it again.", repair=repair)
        return doubtful_finding(CHECK, message + _IF_UNKNOWN, repair=repair)

    def _replaced_finding(self, message: str, *, repair: str) -> Finding:
        return doubtful_finding(CHECK, message if self.recorded.is_known else message + _IF_UNKNOWN, repair=repair)
