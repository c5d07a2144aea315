"""A scope with the ARNs of those resources that cannot be told from their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra.scope import Scope

if TYPE_CHECKING:
    from infra.stack_context import SecuredStack


@dataclass(frozen=True, kw_only=True)
class ResourceScope(Scope):
    """What the policies of machines and jobs name, once it is known.

    Attributes:
        vpc_id: The environment's VPC.
        key_arn: Its KMS key.
        alert_topic_arn: The topic of alerts.
        state_bucket_arn: The bucket that holds Pulumi's state.
        artifact_bucket_arn: The bucket that holds releases.
        cache_bucket_arn: The bucket that holds what builds reuse.
    """

    vpc_id: str
    key_arn: str
    alert_topic_arn: str
    state_bucket_arn: str
    artifact_bucket_arn: str
    cache_bucket_arn: str

    @property
    def bucket_arns(self) -> tuple[str, ...]:
        """All buckets of the environment."""
        return self.state_bucket_arn, self.artifact_bucket_arn, self.cache_bucket_arn


def resolve_scope(stack: SecuredStack, **known: pulumi.Output[str]) -> pulumi.Output[ResourceScope]:
    """Return the stack's scope, with the attributes that its components know."""
    return pulumi.Output.all(stack.scope, pulumi.Output.all(key_arn=stack.key_arn, **known)).apply(
        lambda both: ResourceScope(**vars(both[0]), **both[1])
    )
