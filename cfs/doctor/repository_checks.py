"""`cfs doctor github`: checks, before anything changes, whether GitHub will accept a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor import tokens
from cfs.doctor.delivery_checks import judge_delivery
from cfs.doctor.existing_resources import UNKNOWN_STATE, RecordedResources, judge_existing
from cfs.doctor.findings import doubtful_finding, good_finding, raise_wrong_findings, wrong_finding
from cfs.doctor.github_client import GitHubClient, GitHubForbidden, GitHubNotFound
from cfs.doctor.other_workflows import judge_other_workflows
from infra.config.repository import DEFAULT_BRANCH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cfs.doctor.findings import Finding
    from cfs.doctor.github_target import GitHubTarget
    from infra.config.settings import Settings


READ_CHECKS = ("owner", "repository")
"""Checks that a refresh must pass too."""


def run_preflight(
    target: GitHubTarget,
    *,
    recorded: Collection[Mapping[str, Any]],
    retry_command: str,
    deploys: bool = True,
    delivered: Collection[str] | None = None,
) -> None:
    """Raise an error if GitHub would refuse a deployment, or if a refresh would drop existing resources from the state.

    Args:
        target: The stack.
        recorded: GitHub resources of the stack's state.
        retry_command: The command to repeat after the repair.
        deploys: Whether the run changes anything on GitHub; a refresh only needs to see the repository.
        delivered: Paths of the recorded files that the run delivers; None means all.
    """
    findings = examine_repository(target, recorded=RecordedResources(resources=recorded), delivered=delivered)
    raise_wrong_findings(
        [finding for finding in findings if deploys or finding.check in READ_CHECKS], retry_command=retry_command
    )


def examine_repository(
    target: GitHubTarget, *, recorded: RecordedResources = UNKNOWN_STATE, delivered: Collection[str] | None = None
) -> list[Finding]:
    """Examine all of a deployment's prerequisites on GitHub.

    Args:
        target: The stack.
        recorded: GitHub resources in the stack's state.
        delivered: Paths of the recorded files that are delivered again; None means all.
    """
    with GitHubClient(token=target.token, base_url=target.base_url) as client:
        return _examine_by(client, target, recorded, delivered)


def _examine_by(
    client: GitHubClient, target: GitHubTarget, recorded: RecordedResources, delivered: Collection[str] | None
) -> list[Finding]:
    settings = target.settings
    repository = f"{settings.github_owner}/{settings.github_repository}"
    try:
        answer = client.get_json(f"repos/{repository}")
    except (GitHubNotFound, GitHubForbidden):
        return [_missing_repository_finding(client, settings, recorded.count)]
    kind = tokens.token_kind(target.token)
    return [
        good_finding("repository", f"{repository} exists."),
        *tokens.judge_scopes(kind, answer.scopes, delivers_workflows=settings.manages_repository),
        *_judge_repository(answer.body, settings),
        *_judge_environments(client, answer.body, settings),
        *_judge_actions(client, repository),
        # With another spelling its own repair would be refused.
        *(_judge_subject(client, repository, settings) if answer.body["full_name"] == repository else ()),
        *judge_existing(client, answer.body, settings, recorded),
        *(
            _judge_managed(client, answer.body, settings, recorded.delivered_files if delivered is None else delivered)
            if settings.manages_repository
            else ()
        ),
    ]


def _missing_repository_finding(client: GitHubClient, settings: Settings, recorded_count: int) -> Finding:
    """Return the finding of a missing owner, or of a missing repository if the owner exists."""
    dropped = (
        f" A refresh would take it for deleted and drop {recorded_count} resources from the state."
        if recorded_count
        else ""
    )
    try:
        client.get_json(f"users/{settings.github_owner}")
    except (GitHubNotFound, GitHubForbidden):
        return wrong_finding(
            "owner",
            f"GitHub has no owner {settings.github_owner}.{dropped}",
            repair="pulumi config set github:owner OWNER; pulumi config set github:organization OWNER",
        )
    return wrong_finding(
        "repository",
        f"GitHub shows no repository {settings.github_repository} of {settings.github_owner}: it does not exist, or "
        f"the token may not see it.{dropped}",
        repair=f"check that https://github.com/{settings.github_owner}/{settings.github_repository} exists and that "
        "the token's owner may administer it, or `pulumi config set githubRepository NAME`",
    )


def _judge_repository(repository: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    asked = f"{settings.github_owner}/{settings.github_repository}"
    if repository["full_name"] != asked:
        owner, _, name = repository["full_name"].partition("/")
        is_renamed = repository["full_name"].lower() != asked.lower()
        yield wrong_finding(
            "repository",
            f"{asked} was renamed to {repository['full_name']}."
            if is_renamed
            else f"GitHub spells {asked} {repository['full_name']}, and so do the tokens of its jobs, which roles "
            "compare letter by letter.",
            repair=f"pulumi config set github:owner {owner}; pulumi config set github:organization {owner}; "
            f"pulumi config set githubRepository {name}",
        )
    branch = repository["default_branch"]
    if branch != DEFAULT_BRANCH:
        yield wrong_finding(
            "branch",
            f"The default branch of {asked} is {branch}; roles, environments and workflows name {DEFAULT_BRANCH}.",
            repair=f"gh api --method POST repos/{asked}/branches/{branch}/rename -f new_name={DEFAULT_BRANCH}",
        )
    if repository.get("archived"):
        yield wrong_finding("repository", f"{asked} is archived: nothing in it can be changed.", repair="unarchive it")
    if not (repository.get("permissions") or {}).get("admin"):
        yield wrong_finding(
            "rights",
            f"The token's owner may not administer {asked}, which environments, secrets and Actions' permissions need.",
            repair="let an administrator of the repository deploy, or make the token's owner one",
        )


def _judge_environments(client: GitHubClient, repository: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    """Judge whether the plan has protected environments; public repositories have them on every plan.

    https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
    """
    if not repository.get("private"):
        yield good_finding("plan", "The repository is public: environments and their protection are free.")
        return
    plan = _owner_plan(client, repository["owner"])
    needs = "reviewers and waiting times" if settings.reviewer_users or settings.reviewer_teams else "environments"
    if plan == "free":
        yield wrong_finding(
            "plan",
            f"The repository is private and its owner's plan is free, which has no {needs} for private ones.",
            repair="make the repository public or change the plan",
        )
    elif plan != "enterprise" and (settings.reviewer_users or settings.reviewer_teams):
        yield doubtful_finding(
            "plan",
            f"The repository is private: reviewers need GitHub Enterprise, and the plan is {plan or 'not shown'}.",
            repair="see the owner's billing page; without Enterprise, do not set reviewerUsers and reviewerTeams",
        )
    else:
        yield good_finding("plan", f"The repository is private, on the plan {plan}.")


def _owner_plan(client: GitHubClient, owner: dict[str, Any]) -> str:
    try:
        account = client.get_json(f"orgs/{owner['login']}" if owner["type"] == "Organization" else "user").body
    except (GitHubNotFound, GitHubForbidden):
        return ""
    return str((account.get("plan") or {}).get("name", ""))


def _judge_actions(client: GitHubClient, repository: str) -> Iterator[Finding]:
    try:
        permissions = client.get_json(f"repos/{repository}/actions/permissions").body
    except (GitHubNotFound, GitHubForbidden):
        yield wrong_finding(
            "actions",
            "The token may not read the repository's Actions permissions.",
            repair=f"grant it the permission Administration (or the scope repo) on {tokens.TOKENS_PAGE}",
        )
        return
    if permissions["enabled"]:
        yield good_finding("actions", "Actions are enabled.")
    else:
        yield doubtful_finding(
            "actions",
            "Actions are disabled in the repository; the stack that manages it enables them.",
            repair="deploy that stack first, or enable them in the repository's settings",
        )


def _judge_subject(client: GitHubClient, repository: str, settings: Settings) -> Iterator[Finding]:
    """Compare the subject that the roles in AWS trust with the subject of the repository's tokens."""
    try:
        customization = client.get_json(f"repos/{repository}/actions/oidc/customization/sub").body
    except (GitHubNotFound, GitHubForbidden):
        yield doubtful_finding(
            "subject",
            "GitHub does not show the form of the OIDC subject.",
            repair="check it in the repository's settings, Actions, OIDC",
        )
        return
    if not customization.get("use_default", True):
        yield wrong_finding(
            "subject",
            f"The repository's OIDC subject consists of {customization.get('include_claim_keys')}; roles trust the "
            "default one, which names the environment.",
            repair="select the default in the repository's settings, Actions, OIDC",
        )
        return
    prefix = str(customization.get("sub_claim_prefix") or f"repo:{repository}")
    if prefix == settings.github_subject_prefix:
        yield good_finding("subject", f"OIDC subjects begin with {prefix}, which roles trust.")
        return
    repair = (
        f"pulumi config set githubSubject {prefix}"
        if "@" in prefix
        else "pulumi config rm claudefs-infra:githubSubject"
    )
    yield wrong_finding(
        "subject",
        f"OIDC subjects of the repository begin with {prefix}, but roles would trust {settings.github_subject_prefix}.",
        repair=repair,
    )


def _judge_managed(
    client: GitHubClient, repository: dict[str, Any], settings: Settings, delivered: Collection[str] | None
) -> Iterator[Finding]:
    """Judge the prerequisites of changes that only the stack that manages the repository makes."""
    yield from judge_delivery(client, repository, settings, delivered)
    yield from judge_other_workflows(client, repository)
    yield from _judge_infrastructure(client, repository["full_name"])


def _judge_infrastructure(client: GitHubClient, repository: str) -> Iterator[Finding]:
    """Judge whether jobs can check out this project: their token reads only their own repository and public ones.

    https://github.com/actions/checkout#checkout-multiple-repos-private
    """
    try:
        named = client.get_json(f"repos/{repository}/actions/variables/INFRA_REPOSITORY").body["value"]
    except (GitHubNotFound, GitHubForbidden):
        return
    try:
        is_public = not client.get_json(f"repos/{named}").body.get("private")
    except (GitHubNotFound, GitHubForbidden):
        is_public = False
    if is_public:
        yield good_finding("infrastructure", f"{named} is public: jobs can check it out.")
        return
    yield wrong_finding(
        "infrastructure",
        f"INFRA_REPOSITORY is {named}, which is private or not there: no job of {repository} can check it out.",
        repair=f"make {named} public, or gh variable set INFRA_REPOSITORY --body OWNER/NAME",
    )
