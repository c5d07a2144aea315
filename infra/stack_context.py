"""Facts of the stack that its components share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra.scope import Scope, SecuredScope

if TYPE_CHECKING:
    from infra.tags import Tags


@dataclass(frozen=True, kw_only=True)
class StackContext:
    """The stack's account, region and tags.

    Attributes:
        account_id: ID of the AWS account.
        region: AWS region.
        tags: The stack's tags.
    """

    account_id: pulumi.Output[str]
    region: str
    tags: Tags

    @property
    def environment(self) -> str:
        """The environment, which is the stack's name."""
        return self.tags.environment

    @property
    def scope(self) -> pulumi.Output[Scope]:
        """Scope of the stack's grants."""
        return self.account_id.apply(
            lambda account_id: Scope(account_id=account_id, region=self.region, environment=self.environment)
        )


@dataclass(frozen=True, kw_only=True)
class SecuredStack(StackContext):
    """The stack with its encryption key, permissions boundary and log retention.

    Attributes:
        key_arn: ARN of the KMS key that encrypts disks, objects, logs and alerts.
        boundary_arn: ARN of the permissions boundary for roles of machines, runbooks and schedules.
        log_retention_days: Retention of logs, in days.
    """

    key_arn: pulumi.Output[str]
    boundary_arn: pulumi.Output[str]
    log_retention_days: int

    @property
    def secured_scope(self) -> pulumi.Output[SecuredScope]:
        """The scope with the key."""
        return secured_scope(self, self.key_arn)


def secured_scope(stack: StackContext, key_arn: pulumi.Output[str]) -> pulumi.Output[SecuredScope]:
    """Return a stack's scope with its key."""
    return pulumi.Output.all(stack.scope, key_arn).apply(lambda known: SecuredScope(**vars(known[0]), key_arn=known[1]))
