"""The parts of an environment that exist before its stack is deployed and until the rest is destroyed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.bootstrap.stack_setup import StackSetup
from cfs.bootstrap.state_bucket import EnvironmentBucket
from cfs.bootstrap.state_key import StateKey
from cfs.environments import find_stack_environment
from infra.config.stack_settings import read_stack_settings
from infra.scope import Scope
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.bootstrap.steps import Step
    from infra.config.settings import Settings


@dataclass(frozen=True, kw_only=True)
class NewEnvironment:
    """An environment's settings, KMS key, state bucket and stack.

    Attributes:
        settings: The stack's settings.
        key: Key that encrypts the state.
        bucket: Bucket of the state.
        setup: The stack in its backend.
    """

    settings: Settings
    key: StateKey
    bucket: EnvironmentBucket
    setup: StackSetup

    def steps(self) -> Iterator[Step]:
        """Yield the steps before the first `pulumi up`."""
        yield from self.key.steps()
        yield from self.bucket.steps(self.key.arn)
        yield from self.setup.steps()

    def adopted_changes(self) -> list[str]:
        """Return the changes that the first deployment makes to an adopted bucket that is not yet in the settings."""
        is_new = self.bucket.adopted and self.bucket.adopted != self.settings.adopt_state_bucket
        return self.bucket.describe_changes() if is_new and self.bucket.exists() and not self.bucket.is_own() else []

    def next_commands(self) -> str:
        """Return the commands to run next, as text."""
        name, file = self.setup.stack, self.setup.settings_file.name
        return (
            f"Next:\n  git commit -m 'State and key of {name}' {file}\n"
            f"  cfs doctor github --environment {name}\n"
            f"  pulumi up --stack {name}"
        )


def open_new_environment(name: str, *, adopt: str = "") -> NewEnvironment:
    """Read an environment's settings and find its account, without changing anything.

    Args:
        name: The stack's name.
        adopt: Name of an existing bucket for the state; "" for the bucket in the settings, or else the stack's own.
    """
    environment = find_stack_environment(name)
    if environment.is_emulated:
        raise UserError(
            "The emulated account needs no bucket and no key for its state.", repair="make up, or make down"
        )
    aws = environment.connect_aws()
    account_id = aws.account_id()
    settings = read_stack_settings(
        name, environment.settings_file, defaults={"aws:allowedAccountIds": json.dumps([account_id])}
    )
    if settings.allowed_account_ids != [account_id]:
        raise UserError(
            f"{environment.settings_file.name} allows the account {', '.join(settings.allowed_account_ids)}, and you "
            f"are signed in to {account_id}.",
            repair="set AWS_PROFILE to a profile of the stack's account",
        )
    known = settings.adopt_state_bucket
    if adopt and known not in ("", adopt):
        raise UserError(
            f"The state is in {known} (adoptStateBucket): {adopt} would replace it.",
            repair=f"omit --adopt, or before the first deployment: pulumi config rm adoptStateBucket -s {name}",
        )
    scope = Scope(account_id=account_id, region=aws.region, environment=name)
    key = StateKey(aws=aws, scope=scope, tags=settings.stack_tags)
    bucket = EnvironmentBucket(aws=aws, scope=scope, tags=settings.stack_tags, adopted=adopt or known)
    setup = StackSetup(
        settings_file=environment.settings_file, bucket=bucket, key=key, open_engine=environment.open_engine
    )
    return NewEnvironment(settings=settings, key=key, bucket=bucket, setup=setup)
