"""The KMS key that encrypts the stack's objects, disks, logs and alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_aws import kms

from infra.component import Component
from infra.storage.key_declaration import key_alias, key_description, key_policy, key_tags

if TYPE_CHECKING:
    import pulumi

    from infra.stack_context import StackContext


@dataclass(frozen=True, kw_only=True)
class EncryptionArgs:
    """Inputs of the key.

    Attributes:
        stack: The stack.
        protected: Whether Pulumi refuses to delete or replace the key.
        adopted_key: ID of a key that `cfs bootstrap` created, which the stack adopts with its alias; or "".
    """

    stack: StackContext
    protected: bool
    adopted_key: str


class Encryption(Component):
    """A customer-managed KMS key with yearly rotation, and its alias.

    Attributes:
        key_arn: ARN of the key.
    """

    key_arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: EncryptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the key."""
        super().__init__(name, opts=opts)
        environment = args.stack.environment
        key = kms.Key(
            name,
            description=key_description(environment),
            enable_key_rotation=True,
            # A deleted key can be restored for 30 days, which is AWS's default and maximum waiting period. It is not
            # declared here: AWS does not return it, so an adopted key would differ from its declaration.
            policy=args.stack.scope.apply(key_policy),
            tags=key_tags(args.stack.tags),
            opts=self.child_options(protect=args.protected, import_=args.adopted_key or None),
        )
        alias = key_alias(environment)
        kms.Alias(
            name,
            name=alias,
            target_key_id=key.key_id,
            opts=self.child_options(import_=alias if args.adopted_key else None),
        )
        self.key_arn = key.arn
        self.register_declared_outputs()
