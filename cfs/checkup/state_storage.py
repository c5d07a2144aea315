"""Checks the bucket with the state and the KMS key that encrypts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.bootstrap.state_bucket import EnvironmentBucket
from cfs.bootstrap.state_key import StateKey
from cfs.doctor.findings import good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding


def examine_state_storage(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare bucket and key with what `cfs bootstrap` and the stack declare."""
    if facts.environment.is_emulated and not facts.stack.is_deployed:
        # There, the stack itself creates both.
        return
    bootstrap = f"cfs bootstrap --environment {facts.name}"
    key = StateKey(aws=facts.aws, scope=facts.scope, tags=facts.settings.stack_tags)
    key_arn = key.arn()
    if key_arn:
        yield good_finding("state key", f"{key.alias} is enabled.")
    else:
        yield wrong_finding("state key", f"There is no key {key.alias}.", repair=bootstrap)
    bucket = EnvironmentBucket(
        aws=facts.aws,
        scope=facts.scope,
        tags=facts.settings.stack_tags,
        adopted=facts.settings.adopt_state_bucket,
    )
    if not bucket.exists():
        yield wrong_finding("state bucket", f"There is no bucket {bucket.name}.", repair=bootstrap)
        return
    differing = [aspect.name for aspect in bucket.differing_aspects(key_arn)]
    if differing:
        repair = bootstrap if bucket.is_own() and not facts.stack.is_deployed else facts.environment.redeploy_command
        yield wrong_finding("state bucket", f"Not as declared in {bucket.name}: {', '.join(differing)}.", repair=repair)
    else:
        yield good_finding("state bucket", f"{bucket.name} is ours, encrypted, versioned and closed to the public.")
