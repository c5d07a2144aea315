"""How jobs on GitHub get into AWS: by short-lived OIDC tokens, each kind of job under a role of its own.

A token's `sub` names the repository and the environment or the branch that the job runs in. Each role that can change
anything trusts exactly one subject. Jobs of pull requests from forks get no token at all:
https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_aws import iam

from infra.access import policies
from infra.access.policies import render_policy
from infra.access.rights import ec2, jobs, model, services
from infra.access.rights.iam import OIDC_PROVIDER, identity_rights
from infra.access.rights.model import JobScope
from infra.component import Component
from infra.config.repository import DEFAULT_BRANCH
from infra.naming import IAM_POLICY, physical_name
from infra.scope import Scope, role_name
from infra.tags import PROJECT_NAME
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from infra.access.rights.model import AccessLevel, Right
    from infra.stack_context import SecuredStack

    RightsTable = Callable[[JobScope], Iterable[Right]]

MANAGED_POLICY_SIZE_LIMIT = 6_144
"""Characters of a managed policy, white space not counted:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

MANAGED_POLICY_COUNT_LIMIT = 10
"""Managed policies of a role, as long as nobody asks AWS for more."""

SESSION_SECONDS = 3600
"""How long a job may use what it was given once: an `up` of this stack takes minutes, and IAM's least is an hour."""

JobKind = Literal["preview", "deploy", "ci-read", "ci-write"]
"""What a job does: show what would change, change it, build, or build what other builds reuse."""

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
    "network": ((ec2.network_rights, "write"),),
    "compute": ((ec2.compute_rights, "write"), (services.group_rights, "write")),
    "storage": ((services.storage_rights, "write"), (jobs.state_rights, "write")),
    "services": ((services.observation_rights, "write"), (identity_rights, "write")),
    "release": ((jobs.release_rights, "write"), (jobs.recovery_rights, "write")),
    "cache": ((jobs.build_rights, "read"),),
    "builds": ((jobs.build_rights, "write"),),
}
"""The policies, each with the tables that it is made of; cut so that each fits IAM's limit."""

JOB_POLICIES: Mapping[JobKind, tuple[str, ...]] = {
    "preview": ("read",),
    "deploy": ("read", "network", "compute", "storage", "services", "release"),
    "ci-read": ("cache",),
    "ci-write": ("cache", "builds"),
}
"""Which policies the role of each kind of job has."""


@dataclass(frozen=True, kw_only=True)
class TokenSubjects:
    """Whose tokens may assume a role, by their `sub`.

    Attributes:
        exact_subjects: Subjects, word for word.
        subject_patterns: Patterns of further ones, for a role that can do no harm.
    """

    exact_subjects: tuple[str, ...]
    subject_patterns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GitHubAccessArgs:
    """Inputs of the roles.

    Attributes:
        stack: The stack.
        creates_provider: Whether this stack makes the account's record of GitHub; else it is there already.
        subjects: Whose tokens each kind of job has; a kind that is missing gets no role.
        vpc_id: The environment's VPC.
        state_bucket_arn: The bucket that holds Pulumi's state.
        artifact_bucket_arn: The bucket that holds releases.
        cache_bucket_arn: The bucket that holds what builds reuse.
    """

    stack: SecuredStack
    creates_provider: bool
    subjects: Mapping[JobKind, TokenSubjects]
    vpc_id: pulumi.Output[str]
    state_bucket_arn: pulumi.Output[str]
    artifact_bucket_arn: pulumi.Output[str]
    cache_bucket_arn: pulumi.Output[str]


class GitHubAccess(Component):
    """GitHub as an identity provider of the account, and a role for each kind of job.

    Attributes:
        role_arns: The roles by kind of job; "" where the stack has none.
    """

    role_arns: Mapping[JobKind, pulumi.Output[str]]

    def __init__(self, name: str, *, args: GitHubAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the provider, the policies and the roles."""
        super().__init__(name, opts=opts)
        self._tags = args.stack.tags
        self._provider_arn = self._oidc_provider_arn(args)
        ground = _job_scope(args)
        wanted = sorted({policy for job in args.subjects for policy in JOB_POLICIES[job]})
        made = {policy: self._declare_policy(policy, ground) for policy in wanted}
        self.role_arns = {
            job: self._declare_role(job, args.subjects[job], [made[policy] for policy in JOB_POLICIES[job]])
            if job in args.subjects
            else pulumi.Output.from_input("")
            for job in JOB_POLICIES
        }
        self.register_declared_outputs()

    def _oidc_provider_arn(self, args: GitHubAccessArgs) -> pulumi.Output[str]:
        if not args.creates_provider:
            return args.stack.scope.apply(
                lambda scope: f"arn:aws:iam::{scope.account_id}:oidc-provider/{OIDC_PROVIDER}"
            )
        provider = iam.OpenIdConnectProvider(
            "github",
            url=f"https://{OIDC_PROVIDER}",
            client_id_lists=["sts.amazonaws.com"],
            tags=self._tags.for_resource("github", role="delivery"),
            opts=self.child_options(),
        )
        arn: pulumi.Output[str] = provider.arn
        return arn

    def _declare_policy(self, name: str, job_scope: pulumi.Output[JobScope]) -> iam.Policy:
        return iam.Policy(
            f"jobs-{name}",
            name=physical_name(IAM_POLICY, PROJECT_NAME, self._tags.environment, "jobs", name),
            description=check_text(IAM_DESCRIPTION, f"ClaudeFS's jobs on GitHub: {name}"),
            policy=job_scope.apply(lambda known: job_policy_document(name, known)),
            tags=self._tags.for_resource(f"jobs-{name}", role="delivery"),
            opts=self.child_options(),
        )

    def _declare_role(self, job: JobKind, subjects: TokenSubjects, granted: list[iam.Policy]) -> pulumi.Output[str]:
        role = iam.Role(
            f"jobs-{job}",
            name=role_name(self._tags.environment, job),
            description=check_text(IAM_DESCRIPTION, JOB_DESCRIPTIONS[job]),
            assume_role_policy=self._provider_arn.apply(
                lambda arn: render_policy(
                    *policies.trust_jobs(arn, subjects.exact_subjects, patterns=subjects.subject_patterns)
                )
            ),
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
        # Whoever assumes the role finds all rights in place.
        return pulumi.Output.all(role.arn, *(attachment.id for attachment in attached)).apply(
            lambda known: str(known[0])
        )


def token_subjects(*, prefix: str, environment: str, builds: bool) -> Mapping[JobKind, TokenSubjects]:
    """Return the subjects of each kind of job's tokens.

    Args:
        prefix: How all of the repository's begin.
        environment: The GitHub environment that deployments run in; previews run in one of their own.
        builds: Whether this stack's build cache is the repository's.
    """
    deploying: dict[JobKind, TokenSubjects] = {
        "preview": TokenSubjects(exact_subjects=(f"{prefix}:environment:{environment}-preview",)),
        "deploy": TokenSubjects(exact_subjects=(f"{prefix}:environment:{environment}",)),
    }
    building: dict[JobKind, TokenSubjects] = {
        "ci-read": TokenSubjects(
            exact_subjects=(f"{prefix}:pull_request",), subject_patterns=(f"{prefix}:ref:refs/heads/*",)
        ),
        "ci-write": TokenSubjects(exact_subjects=(f"{prefix}:ref:refs/heads/{DEFAULT_BRANCH}",)),
    }
    return deploying | building if builds else deploying


def job_policy_document(name: str, job_scope: JobScope) -> str:
    """Return one of the policies, as IAM reads it."""
    return render_policy(*model.policy_statements(name.capitalize(), job_policy_rights(name, job_scope)))


def job_policy_rights(name: str, job_scope: JobScope) -> tuple[Right, ...]:
    """Return the rows that one of the policies is made of."""
    return tuple(
        right for rights, access in POLICY_TABLES[name] for right in model.select_rights(rights(job_scope), access)
    )


def _job_scope(args: GitHubAccessArgs) -> pulumi.Output[JobScope]:
    return pulumi.Output.all(
        scope=args.stack.scope,
        vpc_id=args.vpc_id,
        key=args.stack.key_arn,
        state=args.state_bucket_arn,
        artifacts=args.artifact_bucket_arn,
        cache=args.cache_bucket_arn,
    ).apply(lambda known: make_job_scope(known["scope"], known))


def make_job_scope(scope: Scope, known: Mapping[str, str]) -> JobScope:
    """Return what the rights name, once it is known: `vpc_id`, `key`, and the buckets `state`, `artifacts`, `cache`."""
    return JobScope(
        scope=scope,
        vpc_arn=scope.regional_arn("ec2", f"vpc/{known['vpc_id']}"),
        key_arn=known["key"],
        state_bucket_arn=known["state"],
        artifact_bucket_arn=known["artifacts"],
        cache_bucket_arn=known["cache"],
    )
