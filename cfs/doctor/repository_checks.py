"""`cfs doctor github`: whether GitHub will take what a deployment brings, asked before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor import tokens, workflows
from cfs.doctor.findings import doubtful_finding, good_finding, raise_wrong_findings, wrong_finding
from cfs.doctor.github_client import GitHubClient, GitHubForbidden, GitHubNotFound
from cfs.doctor.other_workflows import judge_other_workflows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cfs.doctor.findings import Finding
    from cfs.doctor.github_target import GitHubTarget
    from infra.config.settings import Settings


READ_CHECKS = ("owner", "repository")
"""What a run must see that only reads."""


def run_preflight(
    target: GitHubTarget,
    *,
    recorded: Collection[str],
    delivered: Collection[str],
    retry_command: str,
    deploys: bool = True,
) -> None:
    """Stop a deployment or a refresh that would fail at GitHub or drop what is there from the state.

    Args:
        target: The stack.
        recorded: What of GitHub the stack's state holds.
        delivered: The paths of files that it has delivered.
        retry_command: The command to repeat after the repair.
        deploys: Whether anything is changed at GitHub; what only reads must see the repository, and no more.
    """
    findings = examine_repository(target, recorded=recorded, delivered=delivered)
    raise_wrong_findings(
        [finding for finding in findings if deploys or finding.check in READ_CHECKS], retry_command=retry_command
    )


def examine_repository(
    target: GitHubTarget, *, recorded: Collection[str] = (), delivered: Collection[str] | None = None
) -> list[Finding]:
    """Look at everything that a deployment needs of GitHub."""
    settings = target.settings
    client = GitHubClient(token=target.token, base_url=target.base_url)
    repository = f"{settings.github_owner}/{settings.github_repository}"
    try:
        found = client.get_json(f"repos/{repository}")
    except (GitHubNotFound, GitHubForbidden):
        return [_unseen_finding(client, settings, recorded)]
    kind = tokens.token_kind(target.token)
    return [
        good_finding("repository", f"{repository} is there."),
        *tokens.judge_scopes(kind, found.scopes, delivers_workflows=settings.manages_repository),
        *_judge_repository(found.body, settings),
        *_judge_environments(client, found.body, settings),
        *_judge_actions(client, repository),
        *_judge_subject(client, repository, settings),
        *(_judge_managed(client, found.body, settings, delivered) if settings.manages_repository else ()),
    ]


def _unseen_finding(client: GitHubClient, settings: Settings, recorded: Collection[str]) -> Finding:
    """Say which of the two is not to be seen, the owner or the repository."""
    dropped = (
        f" A refresh would take it for deleted and drop {len(recorded)} resources from the state." if recorded else ""
    )
    try:
        client.get_json(f"users/{settings.github_owner}")
    except (GitHubNotFound, GitHubForbidden):
        return wrong_finding(
            "owner",
            f"GitHub knows no owner {settings.github_owner}.{dropped}",
            repair="pulumi config set github:owner OWNER; pulumi config set github:organization OWNER",
        )
    return wrong_finding(
        "repository",
        f"GitHub shows no repository {settings.github_repository} of {settings.github_owner}: it is not there, or the "
        f"token may not see it.{dropped}",
        repair=f"see that https://github.com/{settings.github_owner}/{settings.github_repository} is there and that "
        "the token's owner may administer it, or `pulumi config set githubRepository NAME`",
    )


def _judge_repository(repository: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    asked = f"{settings.github_owner}/{settings.github_repository}"
    if repository["full_name"].lower() != asked.lower():
        owner, _, name = repository["full_name"].partition("/")
        yield wrong_finding(
            "repository",
            f"{asked} has become {repository['full_name']}.",
            repair=f"pulumi config set github:owner {owner}; pulumi config set github:organization {owner}; "
            f"pulumi config set githubRepository {name}",
        )
    if repository.get("archived"):
        yield wrong_finding("repository", f"{asked} is archived: nothing in it can be changed.", repair="unarchive it")
    if not (repository.get("permissions") or {}).get("admin"):
        yield wrong_finding(
            "rights",
            f"The token's owner may not administer {asked}: environments, secrets and Actions' permissions need it.",
            repair="let an administrator of the repository deploy, or make the token's owner one",
        )


def _judge_environments(client: GitHubClient, repository: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    """Judge whether the plan has environments with protection: public repositories have them on every plan.

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
            f"The repository is private and its owner's plan is free, which has no {needs} for private repositories.",
            repair="make the repository public or change the plan",
        )
    elif plan != "enterprise" and (settings.reviewer_users or settings.reviewer_teams):
        yield doubtful_finding(
            "plan",
            f"The repository is private: reviewers need GitHub Enterprise, and the plan is {plan or 'not shown'}.",
            repair="see the owner's billing page; without Enterprise set no reviewerUsers and reviewerTeams",
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
            "The token may not see what Actions are allowed to do in the repository.",
            repair=f"give it the permission Administration (or the scope repo) on {tokens.TOKENS_PAGE}",
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
    """Compare what the roles in AWS trust with what the repository's tokens say of themselves."""
    try:
        customization = client.get_json(f"repos/{repository}/actions/oidc/customization/sub").body
    except (GitHubNotFound, GitHubForbidden):
        yield doubtful_finding(
            "subject",
            "GitHub does not tell the form of the OIDC subject.",
            repair="see it in the repository's settings, Actions, OIDC",
        )
        return
    if not customization.get("use_default", True):
        yield wrong_finding(
            "subject",
            f"The repository's OIDC subject is made of {customization.get('include_claim_keys')}; roles trust the "
            "default one, which names the environment.",
            repair="choose the default in the repository's settings, Actions, OIDC",
        )
        return
    real = str(customization.get("sub_claim_prefix") or f"repo:{repository}")
    if real == settings.github_subject_prefix:
        yield good_finding("subject", f"OIDC subjects begin with {real}, which roles trust.")
        return
    repair = (
        f"pulumi config set githubSubject {real}" if "@" in real else "pulumi config rm claudefs-infra:githubSubject"
    )
    yield wrong_finding(
        "subject",
        f"OIDC subjects of the repository begin with {real}, and roles would trust {settings.github_subject_prefix}.",
        repair=repair,
    )


def _judge_managed(
    client: GitHubClient, repository: dict[str, Any], settings: Settings, delivered: Collection[str] | None
) -> Iterator[Finding]:
    """Judge what only the stack that manages the repository changes in it."""
    yield from _judge_delivery(client, repository, settings, delivered)
    yield from judge_other_workflows(client, repository)
    yield from _judge_infrastructure(client, repository["full_name"])


def _judge_infrastructure(client: GitHubClient, repository: str) -> Iterator[Finding]:
    """Judge whether jobs may check out this project: their token reads their own repository and public ones.

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


def _judge_delivery(
    client: GitHubClient, repository: dict[str, Any], settings: Settings, delivered: Collection[str] | None
) -> Iterator[Finding]:
    name, branch = repository["full_name"], repository["default_branch"]
    if settings.workflow_delivery == "commit":
        yield _judge_direct_commits(client, name, branch)
    elif not repository.get("delete_branch_on_merge"):
        yield doubtful_finding(
            "delivery",
            "Branches stay after their pull request is merged, and the next delivery would begin on the old one.",
            repair="tick Automatically delete head branches in the repository's settings",
        )
    changed = workflows.edited_workflow_files(client, name, branch, known=delivered)
    if not changed:
        yield good_finding("workflow files", "Nobody has edited the delivered files.")
    elif settings.overwrite_edited_workflows or settings.workflow_delivery == "pull-request":
        yield doubtful_finding(
            "workflow files",
            f"Somebody has edited {', '.join(changed)}; the next deployment brings this project's again.",
            repair="bring what is wanted of it into infra/workflows",
        )
    else:
        yield wrong_finding(
            "workflow files",
            f"Somebody has edited {', '.join(changed)} in the repository, and a deployment would lose that.",
            repair="bring what is wanted of it into infra/workflows, then `pulumi config set overwriteEditedWorkflows "
            "true` for this deployment",
        )


def _judge_direct_commits(client: GitHubClient, repository: str, branch: str) -> Finding:
    """Judge whether commits may go to the default branch."""
    if not client.get_json(f"repos/{repository}/branches/{branch}").body["protected"]:
        return good_finding("delivery", f"Commits may go to {branch}.")
    try:
        protection = client.get_json(f"repos/{repository}/branches/{branch}/protection").body
    except (GitHubNotFound, GitHubForbidden):
        protection = None
    ruled = any(
        rule["type"] == "pull_request" for rule in client.get_json(f"repos/{repository}/rules/branches/{branch}").body
    )
    if protection is not None and not ruled:
        binds = protection.get("required_pull_request_reviews") and protection["enforce_admins"]["enabled"]
        if not binds:
            return good_finding("delivery", f"{branch} is protected, and administrators may commit to it.")
    return wrong_finding(
        "delivery",
        f"{branch} is protected: GitHub would refuse commits to it.",
        repair="pulumi config set workflowDelivery pull-request",
    )
