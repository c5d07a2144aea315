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
from infra.access.policies import Scope, document
from infra.access.rights import ec2, jobs, model, services
from infra.access.rights.iam import PROVIDER, identity
from infra.access.rights.model import Ground
from infra.component import Component
from infra.github.delivery import DEFAULT_BRANCH
from infra.naming import IAM_POLICY, IAM_ROLE, physical_name
from infra.tags import PROJECT
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from infra.access.rights.model import Access, Right
    from infra.tags import Tags

    Rights = Callable[[Ground], Iterable[Right]]

MANAGED_POLICY_LIMIT = 6_144
"""Characters of a managed policy, white space not counted:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

MANAGED_POLICIES_LIMIT = 10
"""Managed policies of a role, as long as nobody asks AWS for more."""

SESSION_SECONDS = 3600
"""How long a job may use what it was given once: an `up` of this stack takes minutes, and IAM's least is an hour."""

Job = Literal["preview", "deploy", "ci-read", "ci-write"]
"""What a job does: show what would change, change it, build, or build what other builds reuse."""

DESCRIPTIONS: Mapping[Job, str] = {
    "preview": "Jobs on GitHub that show what a deployment would change: read only",
    "deploy": "Jobs on GitHub that deploy this environment and bring releases to its nodes",
    "ci-read": "Jobs on GitHub that build any branch of the repository: read the build cache",
    "ci-write": "Jobs on GitHub that build the default branch: fill the build cache, put metrics",
}

POLICIES: Mapping[str, tuple[tuple[Rights, Access], ...]] = {
    "read": (
        (ec2.network, "read"),
        (ec2.compute, "read"),
        (services.groups, "read"),
        (services.storage, "read"),
        (services.observation, "read"),
        (identity, "read"),
        (jobs.state, "read"),
    ),
    "network": ((ec2.network, "write"),),
    "compute": ((ec2.compute, "write"), (services.groups, "write")),
    "storage": ((services.storage, "write"), (jobs.state, "write")),
    "services": ((services.observation, "write"), (identity, "write")),
    "release": ((jobs.release, "write"),),
    "cache": ((jobs.builds, "read"),),
    "builds": ((jobs.builds, "write"),),
}
"""The policies, each with the tables that it is made of; cut so that each fits IAM's limit."""

GRANTS: Mapping[Job, tuple[str, ...]] = {
    "preview": ("read",),
    "deploy": ("read", "network", "compute", "storage", "services", "release"),
    "ci-read": ("cache",),
    "ci-write": ("cache", "builds"),
}
"""Which policies the role of each kind of job has."""


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """Whose tokens may assume a role, by their `sub`.

    Attributes:
        exactly: Subjects, word for word.
        like: Patterns of further ones, for a role that can do no harm.
    """

    exactly: tuple[str, ...]
    like: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GitHubAccessArgs:
    """What the roles are made from.

    Attributes:
        account_id: The AWS account.
        region: Its region; the roles reach no other.
        creates_provider: Whether this stack makes the account's record of GitHub; else it is there already.
        subjects: Whose tokens each kind of job has; a kind that is missing gets no role.
        vpc_id: The environment's VPC.
        key_arn: Its KMS key.
        state_bucket_arn: The bucket that holds Pulumi's state.
        artifact_bucket_arn: The bucket that holds releases.
        cache_bucket_arn: The bucket that holds what builds reuse.
        tags: The stack's tags.
    """

    account_id: pulumi.Output[str]
    region: str
    creates_provider: bool
    subjects: Mapping[Job, Subjects]
    vpc_id: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    state_bucket_arn: pulumi.Output[str]
    artifact_bucket_arn: pulumi.Output[str]
    cache_bucket_arn: pulumi.Output[str]
    tags: Tags


class GitHubAccess(Component):
    """GitHub as an identity provider of the account, and a role for each kind of job.

    Attributes:
        role_arns: The roles by kind of job; "" where the stack has none.
    """

    role_arns: Mapping[Job, pulumi.Output[str]]

    def __init__(self, name: str, *, args: GitHubAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the provider, the policies and the roles."""
        super().__init__(name, opts=opts)
        self._tags = args.tags
        self._provider_arn = self._record_of_github(args)
        ground = _ground(args)
        wanted = sorted({policy for job in args.subjects for policy in GRANTS[job]})
        made = {policy: self._policy(policy, ground) for policy in wanted}
        self.role_arns = {
            job: self._role(job, args.subjects[job], [made[policy] for policy in GRANTS[job]])
            if job in args.subjects
            else pulumi.Output.from_input("")
            for job in GRANTS
        }
        self.register_outputs({f"{job}RoleArn": arn for job, arn in self.role_arns.items()})

    def _record_of_github(self, args: GitHubAccessArgs) -> pulumi.Output[str]:
        if not args.creates_provider:
            return args.account_id.apply(lambda account_id: f"arn:aws:iam::{account_id}:oidc-provider/{PROVIDER}")
        provider = iam.OpenIdConnectProvider(
            "github",
            url=f"https://{PROVIDER}",
            client_id_lists=["sts.amazonaws.com"],
            tags=self._tags.of("github", role="delivery"),
            opts=self.child(),
        )
        arn: pulumi.Output[str] = provider.arn
        return arn

    def _policy(self, name: str, ground: pulumi.Output[Ground]) -> iam.Policy:
        return iam.Policy(
            f"jobs-{name}",
            name=physical_name(IAM_POLICY, PROJECT, self._tags.environment, "jobs", name),
            description=check_text(IAM_DESCRIPTION, f"ClaudeFS's jobs on GitHub: {name}"),
            policy=ground.apply(lambda known: policy_document(name, known)),
            tags=self._tags.of(f"jobs-{name}", role="delivery"),
            opts=self.child(),
        )

    def _role(self, job: Job, subjects: Subjects, granted: list[iam.Policy]) -> pulumi.Output[str]:
        role = iam.Role(
            f"jobs-{job}",
            name=physical_name(IAM_ROLE, PROJECT, self._tags.environment, job),
            description=check_text(IAM_DESCRIPTION, DESCRIPTIONS[job]),
            assume_role_policy=self._provider_arn.apply(
                lambda arn: document(*policies.trust_jobs(arn, subjects.exactly, patterns=subjects.like))
            ),
            max_session_duration=SESSION_SECONDS,
            tags=self._tags.of(f"{job}-role", role="delivery"),
            opts=self.child(),
        )
        attached = [
            iam.RolePolicyAttachment(
                f"{job}-{number}", role=role.name, policy_arn=policy.arn, opts=self.child(depends_on=[policy])
            )
            for number, policy in enumerate(granted, start=1)
        ]
        # Whoever assumes the role finds all rights in place.
        return pulumi.Output.all(role.arn, *(attachment.id for attachment in attached)).apply(
            lambda known: str(known[0])
        )


def subjects(*, prefix: str, environment: str, builds: bool) -> Mapping[Job, Subjects]:
    """Give the subjects of each kind of job's tokens.

    Args:
        prefix: How all of the repository's begin.
        environment: The GitHub environment that deployments run in; previews run in one of their own.
        builds: Whether this stack's build cache is the repository's.
    """
    deploying: dict[Job, Subjects] = {
        "preview": Subjects(exactly=(f"{prefix}:environment:{environment}-preview",)),
        "deploy": Subjects(exactly=(f"{prefix}:environment:{environment}",)),
    }
    building: dict[Job, Subjects] = {
        "ci-read": Subjects(exactly=(f"{prefix}:pull_request",), like=(f"{prefix}:ref:refs/heads/*",)),
        "ci-write": Subjects(exactly=(f"{prefix}:ref:refs/heads/{DEFAULT_BRANCH}",)),
    }
    return deploying | building if builds else deploying


def policy_document(name: str, ground: Ground) -> str:
    """Give one of the policies, as IAM reads it."""
    return document(*model.statements(name.capitalize(), policy_rights(name, ground)))


def policy_rights(name: str, ground: Ground) -> tuple[Right, ...]:
    """Give the rows that one of the policies is made of."""
    return tuple(right for rights, access in POLICIES[name] for right in model.of(rights(ground), access))


def _ground(args: GitHubAccessArgs) -> pulumi.Output[Ground]:
    return pulumi.Output.all(
        account_id=args.account_id,
        vpc_id=args.vpc_id,
        key=args.key_arn,
        state=args.state_bucket_arn,
        artifacts=args.artifact_bucket_arn,
        cache=args.cache_bucket_arn,
    ).apply(
        lambda known: make_ground(
            Scope(account_id=known["account_id"], region=args.region, environment=args.tags.environment), known
        )
    )


def make_ground(scope: Scope, known: Mapping[str, str]) -> Ground:
    """Give what the rights name, once it is known: `vpc_id`, `key`, and the buckets `state`, `artifacts`, `cache`."""
    return Ground(
        scope=scope,
        vpc_arn=scope.arn("ec2", f"vpc/{known['vpc_id']}"),
        key_arn=known["key"],
        state_bucket_arn=known["state"],
        artifact_bucket_arn=known["artifacts"],
        cache_bucket_arn=known["cache"],
    )
