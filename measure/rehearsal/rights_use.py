"""Compares the rights of the environment's roles with their use in the rehearsal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from infra.github.jobs_access import JOB_POLICIES, job_policy_rights
from infra.scope import role_name
from measure.rehearsal.environment_targets import find_scope
from measure.rehearsal.rehearsed_account import ENVIRONMENT
from measure.rehearsal.unused_rights import UNUSED_RIGHTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from infra.access.job_scope import JobScope
    from measure.rehearsal.rehearsed_account import RehearsedAccount
    from measure.rehearsal.unused_rights import UnusedRight

_PERSONS_JOBS = ("deploy", "preview")
"""Jobs with rights for operations that only the administrator performs in the rehearsal: a full deployment, and a
destruction."""


@dataclass(frozen=True, kw_only=True)
class GrantedRight:
    """An action that a role may perform.

    Attributes:
        role: The role's name.
        action: The IAM action.
        statement: The statement's Sid, or the policy's name if there is no Sid.
    """

    role: str
    action: str
    statement: str


@dataclass(frozen=True, kw_only=True)
class RightsUse:
    """The use of rights.

    Attributes:
        used: Number of rights that their role used.
        by_person: Number of rights that only the administrator used, in deploying and destroying the same stack.
        explained: Number of unused rights with a reason.
        problems: Unused rights without a reason, and reasons that explain no unused right.
    """

    used: int
    by_person: int
    explained: int
    problems: tuple[str, ...]


def list_granted(rehearsed: RehearsedAccount) -> list[GrantedRight]:
    """Return the rights of the environment's roles, read from IAM."""
    iam = rehearsed.connect_client("iam")
    names = [role["RoleName"] for role in iam.get_paginator("list_roles").paginate().build_full_result()["Roles"]]
    prefix = role_name(ENVIRONMENT, "")
    return [
        GrantedRight(role=name, action=action, statement=statement.get("Sid") or policy)
        for name in names
        if name.startswith(prefix)
        for policy, document in _role_policies(iam, name)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in _as_list(statement["Action"])
    ]


def judge_rights(rehearsed: RehearsedAccount, granted: Collection[GrantedRight], scope: JobScope) -> RightsUse:
    """Compare rights with the use that the account has recorded.

    Args:
        rehearsed: The account.
        granted: The rights, read before the environment was destroyed.
        scope: The scope of the jobs' policies.
    """
    used = {
        principal.rpartition("/")[2]: {right["action"] for right in rights}
        for principal, rights in rehearsed.read_enforcement()["used"].items()
    }
    return compare_rights(granted, used, person=used.get("test", set()), explained=_job_reasons(scope))


def compare_rights(
    granted: Collection[GrantedRight],
    used: Mapping[str, Collection[str]],
    *,
    person: Collection[str],
    explained: Collection[tuple[str, str]],
    unused: Collection[UnusedRight] = UNUSED_RIGHTS,
) -> RightsUse:
    """Compare rights with their use.

    Args:
        granted: The rights.
        used: The actions that each role used.
        person: The actions that the administrator used.
        explained: Roles of jobs with actions for which `infra/access/rights` gives a reason.
        unused: Reasons for unused rights of machines and services.
    """
    reasons = {(role_name(ENVIRONMENT, of.purpose), of.statement) for of in unused}

    def find_reasons(right: GrantedRight) -> set[tuple[str, str]]:
        return {
            (role, name)
            for role, name in reasons
            if role == right.role and (name == right.statement or fnmatchcase(right.action, name))
        }

    deployers = {role_name(ENVIRONMENT, job) for job in _PERSONS_JOBS}
    kinds: dict[GrantedRight, str] = {}
    for right in granted:
        if right.action in used.get(right.role, ()):
            kinds[right] = "used"
        elif (right.role, right.action) in explained or find_reasons(right):
            kinds[right] = "explained"
        elif right.role in deployers and right.action in person:
            kinds[right] = "by person"
        else:
            kinds[right] = "unexplained"
    needed = {reason for right, kind in kinds.items() if kind == "explained" for reason in find_reasons(right)}
    problems = [
        *(
            f"{of.role}: nothing used {of.action} ({of.statement})"
            for of, kind in kinds.items()
            if kind == "unexplained"
        ),
        *(f"{role}: the reason for {name} explains no unused right" for role, name in sorted(reasons - needed)),
    ]
    count = Counter({(right.role, right.action): kind for right, kind in kinds.items()}.values())
    return RightsUse(
        used=count["used"], by_person=count["by person"], explained=count["explained"], problems=tuple(problems)
    )


def rights_summary(use: RightsUse) -> str:
    """Return the counts in one line."""
    return (
        f"rights of roles: {use.used} used, {use.by_person} used only by the administrator, {use.explained} "
        f"unused with a reason, {len(use.problems)} without"
    )


def find_rehearsed_scope(rehearsed: RehearsedAccount) -> JobScope:
    """Return the scope of the policies of the environment's jobs."""
    return find_scope(rehearsed.connect_client, ENVIRONMENT)


def _job_reasons(scope: JobScope) -> set[tuple[str, str]]:
    return {
        (role_name(ENVIRONMENT, job), action)
        for job, policies in JOB_POLICIES.items()
        for policy in policies
        for right in job_policy_rights(policy, scope)
        for action in right.uncalled
    }


def _role_policies(iam: Any, role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
        yield attached["PolicyName"], found["Document"]


def _as_list(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
