"""Access of GitHub's jobs to AWS: short-lived OIDC tokens, and one role per kind of job.

A token's `sub` claim names the repository and the job's environment or branch. Each role that can change anything
trusts exactly one subject. Jobs for pull requests from forks get no token:
https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_aws import iam

from infra.access.rights import ec2, guard, jobs, model, services
from infra.access.rights.iam import OIDC_PROVIDER, identity_rights
from infra.access.statements import Condition, Principal, Statement, render_policy, string_equals
from infra.component import Component
from infra.config.repository import DEFAULT_BRANCH
from infra.naming import IAM_POLICY, physical_name
from infra.scope import role_name
from infra.tags import PROJECT_NAME
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from infra.access.job_scope import JobScope
    from infra.access.rights.model import AccessLevel, Right
    from infra.stack_context import SecuredStack

    RightsTable = Callable[[JobScope], Iterable[Right]]

MANAGED_POLICY_SIZE_LIMIT = 6_144
"""Maximum size of a managed policy in characters, not counting white space:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

MANAGED_POLICY_COUNT_LIMIT = 10
"""Default quota of managed policies per role."""

SESSION_SECONDS = 3600
"""Maximum session duration: `pulumi up` takes minutes for this stack, and IAM's minimum is an hour."""

JobKind = Literal["preview", "deploy", "ci-read", "ci-write"]
"""Kind of job: preview changes, apply them, build, or build for the shared cache."""

JOB_DESCRIPTIONS: Mapping[JobKind, str] = {
    "preview": "Jobs on GitHub that show what a deployment would change: read only",
    "deploy": "Jobs on GitHub that deploy this environment and bring releases to its nodes",
    "ci-read": "Jobs on GitHub that build any branch of the repository: read the build cache",
    "ci-write": "Jobs on GitHub that build the default branch: fill the build cache, put metrics",
}

POLICY_TABLES: Mapping[str, tuple[tuple[RightsTable, AccessLevel], ...]] = {
    "read": (
        (ec2.network_rights, "read"),
        (ec2.compute_rights, "read"),
        (services.group_rights, "read"),
        (services.storage_rights, "read"),
        (services.observation_rights, "read"),
        (identity_rights, "read"),
        (jobs.state_rights, "read"),
    ),
    "watch": ((guard.guard_rights, "read"), (jobs.report_rights, "read")),
    "network": ((ec2.network_rights, "write"),),
    "compute": ((ec2.compute_rights, "write"), (services.group_rights, "write")),
    "storage": ((services.storage_rights, "write"), (jobs.state_rights, "write")),
    "services": ((services.observation_rights, "write"), (identity_rights, "write")),
    "guard": ((guard.guard_rights, "write"),),
    "release": ((jobs.release_rights, "write"), (jobs.recovery_rights, "write")),
    "cache": ((jobs.build_rights, "read"),),
    "builds": ((jobs.build_rights, "write"),),
}
"""The policies, each with its tables of rights; divided so that each fits IAM's size limit."""

JOB_POLICIES: Mapping[JobKind, tuple[str, ...]] = {
    "preview": ("read", "watch"),
    "deploy": ("read", "watch", "network", "compute", "storage", "services", "guard", "release"),
    "ci-read": ("cache",),
    "ci-write": ("cache", "builds"),
}
"""Policies attached to the role of each kind of job."""


@dataclass(frozen=True, kw_only=True)
class GitHubAccessArgs:
    """Inputs of the roles.

    Attributes:
        stack: The stack.
        creates_provider: Whether this stack creates the account's OIDC provider for GitHub; otherwise it exists.
        subjects: Token subjects that the role of each kind of job trusts; a missing kind gets no role.
        scope: Resources that the policies refer to.
    """

    stack: SecuredStack
    creates_provider: bool
    subjects: Mapping[JobKind, tuple[str, ...]]
    scope: pulumi.Output[JobScope]


class GitHubAccess(Component):
    """GitHub as an identity provider of the account, and a role for each kind of job.

    Attributes:
        role_arns: ARNs of the roles by kind of job; "" if the stack has no such role.
    """

    role_arns: Mapping[JobKind, pulumi.Output[str]]

    def __init__(self, name: str, *, args: GitHubAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the provider, the policies and the roles."""
        super().__init__(name, opts=opts)
        self._tags = args.stack.tags
        self._provider_arn = self._oidc_provider_arn(args)
        wanted = sorted({policy for job in args.subjects for policy in JOB_POLICIES[job]})
        made = {policy: self._declare_policy(policy, args.scope) for policy in wanted}
        self.role_arns = {
            job: self._declare_role(job, args.subjects[job], [made[policy] for policy in JOB_POLICIES[job]])
            if job in args.subjects
            else pulumi.Output.from_input("")
            for job in JOB_POLICIES
        }
        self.register_declared_outputs()

    def _oidc_provider_arn(self, args: GitHubAccessArgs) -> pulumi.Output[str]:
        if not args.creates_provider:
            return args.stack.scope.apply(lambda scope: scope.iam_arn(f"oidc-provider/{OIDC_PROVIDER}"))
        provider = iam.OpenIdConnectProvider(
            "github",
            url=f"https://{OIDC_PROVIDER}",
            client_id_lists=["sts.amazonaws.com"],
            tags=self._tags.for_resource("github", role="delivery"),
            opts=self.child_options(),
        )
        arn: pulumi.Output[str] = provider.arn
        return arn

    def _declare_policy(self, name: str, scope: pulumi.Output[JobScope]) -> iam.Policy:
        return iam.Policy(
            f"jobs-{name}",
            name=physical_name(IAM_POLICY, PROJECT_NAME, self._tags.environment, "jobs", name),
            description=check_text(IAM_DESCRIPTION, f"ClaudeFS's jobs on GitHub: {name}"),
            policy=scope.apply(lambda known: job_policy_document(name, known)),
            tags=self._tags.for_resource(f"jobs-{name}", role="delivery"),
            opts=self.child_options(),
        )

    def _declare_role(self, job: JobKind, subjects: Sequence[str], granted: list[iam.Policy]) -> pulumi.Output[str]:
        role = iam.Role(
            f"jobs-{job}",
            name=role_name(self._tags.environment, job),
            description=check_text(IAM_DESCRIPTION, JOB_DESCRIPTIONS[job]),
            assume_role_policy=self._provider_arn.apply(lambda arn: render_policy(*trust_jobs(arn, subjects))),
            max_session_duration=SESSION_SECONDS,
            tags=self._tags.for_resource(f"{job}-role", role="delivery"),
            opts=self.child_options(),
        )
        attached = [
            iam.RolePolicyAttachment(
                f"{job}-{number}", role=role.name, policy_arn=policy.arn, opts=self.child_options(depends_on=[policy])
            )
            for number, policy in enumerate(granted, start=1)
        ]
        # The ARN resolves after all policies are attached, so jobs never assume an incomplete role.
        return pulumi.Output.all(role.arn, *(attachment.id for attachment in attached)).apply(
            lambda known: str(known[0])
        )


def trust_jobs(provider_arn: str, subjects: Sequence[str]) -> tuple[Statement, ...]:
    """Return trust statements for GitHub jobs whose token has AWS as audience and one of the given subjects.

    https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws

    Args:
        provider_arn: ARN of the OIDC provider for GitHub.
        subjects: Exact subjects, or patterns with `*` for roles that can do no harm.
    """
    provider = provider_arn.partition("/")[2]
    audience, key = string_equals(f"{provider}:aud", "sts.amazonaws.com"), f"{provider}:sub"
    patterns = tuple(subject for subject in subjects if "*" in subject)
    tests = [string_equals(key, *(subject for subject in subjects if subject not in patterns))]
    if patterns:
        tests.append(Condition(operator="StringLike", key=key, values=patterns))
    return tuple(
        Statement(
            sid=f"JobsMayAssume{number}",
            actions=("sts:AssumeRoleWithWebIdentity",),
            conditions=(audience, test),
            principal=Principal(kind="Federated", value=provider_arn),
        )
        for number, test in enumerate(tests, start=1)
    )


def token_subjects(
    *, prefix: str, environment: str, builds: bool, previewer: str = ""
) -> Mapping[JobKind, tuple[str, ...]]:
    """Return the token subjects of each kind of job.

    Args:
        prefix: Prefix of all subjects of the repository.
        environment: GitHub environment of deployments; previews use `<environment>-preview`.
        builds: Whether the repository's builds use this stack's build cache.
        previewer: Subject prefix of another repository whose jobs may preview too, or "".
    """
    deploying: dict[JobKind, tuple[str, ...]] = {
        "preview": tuple(f"{begin}:environment:{environment}-preview" for begin in (prefix, previewer) if begin),
        "deploy": (f"{prefix}:environment:{environment}",),
    }
    building: dict[JobKind, tuple[str, ...]] = {
        "ci-read": (f"{prefix}:pull_request", f"{prefix}:ref:refs/heads/*"),
        "ci-write": (f"{prefix}:ref:refs/heads/{DEFAULT_BRANCH}",),
    }
    return deploying | building if builds else deploying


def job_policy_document(name: str, scope: JobScope) -> str:
    """Return the JSON document of a policy in `POLICY_TABLES`."""
    return render_policy(*model.policy_statements(name.capitalize(), job_policy_rights(name, scope)))


def job_policy_rights(name: str, scope: JobScope) -> tuple[Right, ...]:
    """Return the rights of a policy in `POLICY_TABLES`."""
    return tuple(right for rights, access in POLICY_TABLES[name] for right in rights(scope) if right.access == access)
