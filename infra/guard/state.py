"""What the cost guard keeps: its ledger, and how agents may spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_aws import dynamodb, ssm

from infra.component import Component
from infra.naming import agents_mode_name, guard_table_name

if TYPE_CHECKING:
    import pulumi

    from infra.stack_context import SecuredStack

LEDGER_KEY = ("day", "entry")
"""Partition key and sort key of the ledger: a day in UTC as `2026-11-26`, and what is counted on it."""

EXPIRY_ATTRIBUTE = "expires"
"""When DynamoDB may delete an entry, in seconds since the epoch."""

INITIAL_MODE = "normal"
"""How agents may spend until the guard says otherwise."""


@dataclass(frozen=True, kw_only=True)
class GuardStateArgs:
    """Inputs of the guard's state.

    Attributes:
        stack: The stack.
    """

    stack: SecuredStack


class GuardState(Component):
    """A table on demand, and a parameter whose value is the guard's.

    Attributes:
        table_name: The ledger.
        agents_mode_parameter: The parameter: `normal`, `economy` or `paused`.
    """

    table_name: pulumi.Output[str]
    agents_mode_parameter: pulumi.Output[str]

    def __init__(self, name: str, *, args: GuardStateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the table and the parameter."""
        super().__init__(name, opts=opts)
        tags = args.stack.tags
        day, entry = LEDGER_KEY
        # A table without a key of its own is encrypted with one of DynamoDB's, at no cost:
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html
        table = dynamodb.Table(
            "guard-ledger",
            name=guard_table_name(args.stack.environment),
            billing_mode="PAY_PER_REQUEST",
            hash_key=day,
            range_key=entry,
            attributes=[{"name": key, "type": "S"} for key in LEDGER_KEY],
            ttl={"attribute_name": EXPIRY_ATTRIBUTE, "enabled": True},
            # $0.20 a GB and month, of which the ledger has a thousandth.
            point_in_time_recovery={"enabled": True},
            tags=tags.for_resource("guard-ledger", role="guard"),
            opts=self.child_options(),
        )
        parameter = ssm.Parameter(
            "agents-mode",
            name=agents_mode_name(args.stack.environment),
            description="How agents may spend: normal, economy or paused. The cost guard sets it.",
            type="String",
            insecure_value=INITIAL_MODE,
            tags=tags.for_resource("agents-mode", role="guard"),
            opts=self.child_options(ignore_changes=["insecureValue"]),
        )
        self.table_name = table.name
        self.agents_mode_parameter = parameter.name
        self.register_declared_outputs()
