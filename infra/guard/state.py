"""State of the cost guard: its ledger and the agents' mode."""

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
"""Partition key and sort key of the ledger: a day in UTC, such as `2026-11-26`, and the day's entry."""

EXPIRY_ATTRIBUTE = "expires"
"""Attribute with the time at which DynamoDB may delete an entry, in seconds since the epoch."""

INITIAL_MODE = "normal"
"""The agents' mode until the guard changes it."""


@dataclass(frozen=True, kw_only=True)
class GuardStateArgs:
    """Inputs of the guard's state.

    Attributes:
        stack: The stack.
    """

    stack: SecuredStack


class GuardState(Component):
    """An on-demand table, and a parameter whose value the guard changes.

    Attributes:
        table_name: Name of the ledger's table.
        agents_mode_parameter: Name of the parameter with the agents' mode: `normal`, `economy` or `paused`.
    """

    table_name: pulumi.Output[str]
    agents_mode_parameter: pulumi.Output[str]

    def __init__(self, name: str, *, args: GuardStateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the table and the parameter."""
        super().__init__(name, opts=opts)
        tags = args.stack.tags
        day, entry = LEDGER_KEY
        # Without a KMS key, DynamoDB encrypts the table with a key that it owns, free of charge:
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html
        table = dynamodb.Table(
            "guard-ledger",
            name=guard_table_name(args.stack.environment),
            billing_mode="PAY_PER_REQUEST",
            hash_key=day,
            range_key=entry,
            attributes=[{"name": key, "type": "S"} for key in LEDGER_KEY],
            ttl={"attribute_name": EXPIRY_ATTRIBUTE, "enabled": True},
            # $0.20 per GB and month; the ledger has about a thousandth of a GB.
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
