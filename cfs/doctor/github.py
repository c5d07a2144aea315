"""`cfs doctor github`: whether GitHub will take what a deployment brings, asked before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor import tokens, workflows
from cfs.doctor.client import Client, Forbidden, Missing
from cfs.doctor.findings import doubtful, good, refuse, wrong

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cfs.doctor.findings import Finding
    from cfs.doctor.target import Target
    from infra.config.settings import Settings


SEEN = ("owner", "repository")
"""What a run must see that only reads."""


def preflight(
    target: Target, *, recorded: Collection[str], delivered: Collection[str], again: str, deploys: bool = True
) -> None:
    """Stop a deployment or a refresh that would fail at GitHub or drop what is there from the state.

    Args:
        target: The stack.
        recorded: What of GitHub the stack's state holds.
        delivered: The paths of files that it has delivered.
        again: The command to repeat after the repair.
        deploys: Whether anything is changed at GitHub; what only reads must see the repository, and no more.

    Raises:
        UserError: Something is wrong, or GitHub cannot be asked.
    """
    findings = examine(target, recorded=recorded, delivered=delivered)
    refuse([finding for finding in findings if deploys or finding.check in SEEN], again=again)


def examine(
    target: Target, *, recorded: Collection[str] = (), delivered: Collection[str] | None = None
) -> list[Finding]:
    """Look at everything that a deployment needs of GitHub.

    Raises:
        UserError: GitHub cannot be asked.
    """
    settings = target.settings
    client = Client(token=target.token, base_url=target.base_url)
    repository = f"{settings.github_owner}/{settings.github_repository}"
    try:
        found = client.get(f"repos/{repository}")
    except (Missing, Forbidden):
        return [_unseen(client, settings, recorded)]
    kind = tokens.kind_of(target.token)
    return [
        good("repository", f"{repository} is there."),
        *tokens.judge_scopes(kind, found.scopes, delivers_workflows=settings.manages_repository),
        *_repository(found.body, settings),
        *_environments(client, found.body, settings),
        *_actions(client, repository),
        *_subject(client, repository, settings),
        *(_delivery(client, found.body, settings, delivered) if settings.manages_repository else ()),
    ]


def _unseen(client: Client, settings: Settings, recorded: Collection[str]) -> Finding:
    """Say which of the two is not to be seen, the owner or the repository."""
    dropped = (
        f" A refresh would take it for deleted and drop {len(recorded)} resources from the state." if recorded else ""
    )
    try:
        client.get(f"users/{settings.github_owner}")
    except (Missing, Forbidden):
        return wrong(
            "owner",
            f"GitHub knows no owner {settings.github_owner}.{dropped}",
            repair="pulumi config set github:owner OWNER",
        )
    return wrong(
        "repository",
        f"GitHub shows no repository {settings.github_repository} of {settings.github_owner}: it is not there, or the "
        f"token may not see it.{dropped}",
        repair=f"see that https://github.com/{settings.github_owner}/{settings.github_repository} is there and that "
        "the token's owner may administer it, or `pulumi config set githubRepository NAME`",
    )


def _repository(repository: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    asked = f"{settings.github_owner}/{settings.github_repository}"
    if repository["full_name"].lower() != asked.lower():
        owner, _, name = repository["full_name"].partition("/")
        yield wrong(
            "repository",
            f"{asked} has become {repository['full_name']}.",
            repair=f"pulumi config set github:owner {owner}; pulumi config set githubRepository {name}",
        )
    if repository.get("archived"):
        yield wrong("repository", f"{asked} is archived: nothing in it can be changed.", repair="unarchive it")
    if not (repository.get("permissions") or {}).get("admin"):
        yield wrong(
            "rights",
            f"The token's owner may not administer {asked}: environments, secrets and Actions' permissions need it.",
            repair="let an administrator of the repository deploy, or make the token's owner one",
        )


def _environments(client: Client, repository: dict[str, Any], settings: Settings) -> Iterator[Finding]:
    """Judge whether the plan has environments with protection: public repositories have them on every plan.

    https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
    """
    if not repository.get("private"):
        yield good("plan", "The repository is public: environments and their protection are free.")
        return
    plan = _plan(client, repository["owner"])
    needs = "reviewers and waiting times" if settings.reviewer_users or settings.reviewer_teams else "environments"
    if plan == "free":
        yield wrong(
            "plan",
            f"The repository is private and its owner's plan is free, which has no {needs} for private repositories.",
            repair="make the repository public or change the plan",
        )
    elif plan != "enterprise" and (settings.reviewer_users or settings.reviewer_teams):
        yield doubtful(
            "plan",
            f"The repository is private: reviewers need GitHub Enterprise, and the plan is {plan or 'not shown'}.",
            repair="see the owner's billing page; without Enterprise set no reviewerUsers and reviewerTeams",
        )
    else:
        yield good("plan", f"The repository is private, on the plan {plan}.")


def _plan(client: Client, owner: dict[str, Any]) -> str:
    try:
        account = client.get(f"orgs/{owner['login']}" if owner["type"] == "Organization" else "user").body
    except (Missing, Forbidden):
        return ""
    return str((account.get("plan") or {}).get("name", ""))


def _actions(client: Client, repository: str) -> Iterator[Finding]:
    try:
        permissions = client.get(f"repos/{repository}/actions/permissions").body
    except (Missing, Forbidden):
        yield wrong(
            "actions",
            "The token may not see what Actions are allowed to do in the repository.",
            repair=f"give it the permission Administration (or the scope repo) on {tokens.PAGE}",
        )
        return
    if permissions["enabled"]:
        yield good("actions", "Actions are enabled.")
    else:
        yield doubtful(
            "actions",
            "Actions are disabled in the repository; the stack that manages it enables them.",
            repair="deploy that stack first, or enable them in the repository's settings",
        )


def _subject(client: Client, repository: str, settings: Settings) -> Iterator[Finding]:
    """Compare what the roles in AWS trust with what the repository's tokens say of themselves."""
    try:
        customization = client.get(f"repos/{repository}/actions/oidc/customization/sub").body
    except (Missing, Forbidden):
        yield doubtful(
            "subject",
            "GitHub does not tell the form of the OIDC subject.",
            repair="see it in the repository's settings, Actions, OIDC",
        )
        return
    if not customization.get("use_default", True):
        yield wrong(
            "subject",
            f"The repository's OIDC subject is made of {customization.get('include_claim_keys')}; roles trust the "
            "default one, which names the environment.",
            repair="choose the default in the repository's settings, Actions, OIDC",
        )
        return
    real = str(customization.get("sub_claim_prefix") or f"repo:{repository}")
    if real == settings.github_subject_prefix:
        yield good("subject", f"OIDC subjects begin with {real}, which roles trust.")
        return
    repair = (
        f"pulumi config set githubSubject {real}" if "@" in real else "pulumi config rm claudefs-infra:githubSubject"
    )
    yield wrong(
        "subject",
        f"OIDC subjects of the repository begin with {real}, and roles would trust {settings.github_subject_prefix}.",
        repair=repair,
    )


def _delivery(
    client: Client, repository: dict[str, Any], settings: Settings, delivered: Collection[str] | None
) -> Iterator[Finding]:
    name, branch = repository["full_name"], repository["default_branch"]
    if settings.workflow_delivery == "commit":
        yield _direct(client, name, branch)
    elif not repository.get("delete_branch_on_merge"):
        yield doubtful(
            "delivery",
            "Branches stay after their pull request is merged, and the next delivery would begin on the old one.",
            repair="tick Automatically delete head branches in the repository's settings",
        )
    changed = workflows.edited(client, name, branch, known=delivered)
    if not changed:
        yield good("workflow files", "Nobody has edited the delivered files.")
    elif settings.overwrite_edited_workflows or settings.workflow_delivery == "pull-request":
        yield doubtful(
            "workflow files",
            f"Somebody has edited {', '.join(changed)}; the next deployment brings this project's again.",
            repair="bring what is wanted of it into infra/workflows",
        )
    else:
        yield wrong(
            "workflow files",
            f"Somebody has edited {', '.join(changed)} in the repository, and a deployment would lose that.",
            repair="bring what is wanted of it into infra/workflows, then `pulumi config set overwriteEditedWorkflows "
            "true` for this deployment",
        )


def _direct(client: Client, repository: str, branch: str) -> Finding:
    """Judge whether commits may go to the default branch."""
    if not client.get(f"repos/{repository}/branches/{branch}").body["protected"]:
        return good("delivery", f"Commits may go to {branch}.")
    try:
        protection = client.get(f"repos/{repository}/branches/{branch}/protection").body
    except (Missing, Forbidden):
        protection = None
    ruled = any(
        rule["type"] == "pull_request" for rule in client.get(f"repos/{repository}/rules/branches/{branch}").body
    )
    if protection is not None and not ruled:
        binds = protection.get("required_pull_request_reviews") and protection["enforce_admins"]["enabled"]
        if not binds:
            return good("delivery", f"{branch} is protected, and administrators may commit to it.")
    return wrong(
        "delivery",
        f"{branch} is protected: GitHub would refuse commits to it.",
        repair="pulumi config set workflowDelivery pull-request",
    )
