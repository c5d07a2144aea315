"""Scope of jobs' policies: the environment, and its resources whose ARNs cannot be derived from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra.scope import SecuredScope

if TYPE_CHECKING:
    from infra.stack_context import SecuredStack


@dataclass(frozen=True, kw_only=True)
class JobScope(SecuredScope):
    """Scope of jobs' policies.

    Attributes:
        vpc_id: ID of the environment's VPC.
        state_bucket_arn: ARN of the bucket with Pulumi's state, which may be an adopted bucket.
    """

    vpc_id: str
    state_bucket_arn: str

    @property
    def bucket_arns(self) -> tuple[str, ...]:
        """ARNs of all buckets of the environment."""
        return self.state_bucket_arn, self.artifact_bucket_arn, self.cache_bucket_arn


def resolve_job_scope(
    stack: SecuredStack, *, vpc_id: pulumi.Output[str], state_bucket_arn: pulumi.Output[str]
) -> pulumi.Output[JobScope]:
    """Return the scope of a stack's jobs."""
    return pulumi.Output.all(stack.secured_scope, vpc_id, state_bucket_arn).apply(
        lambda known: JobScope(**vars(known[0]), vpc_id=known[1], state_bucket_arn=known[2])
    )
