"""Runs the checks of an environment at the same time. A failed call is a finding, and never ends the examination."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cfs.aws import AwsError
from cfs.checkup.facts import EnvironmentFacts, read_recorded_stack
from cfs.doctor.findings import doubtful_finding, wrong_finding
from cfs.engine import EngineError
from infra.config.stack_settings import read_stack_settings
from infra.scope import Scope
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfs.checkup.checks import EnvironmentCheck
    from cfs.doctor.findings import Finding
    from cfs.environments import StackEnvironment


def examine_environment(environment: StackEnvironment, checks: Sequence[EnvironmentCheck]) -> list[Finding]:
    """Return the findings of the checks, in their order."""
    try:
        aws = environment.connect_aws()
        account_id = aws.account_id()
    except UserError as error:
        # Every other call would fail in the same way.
        return [wrong_finding("credentials", error.problem, repair=error.repair)]
    # The account check judges settings that name another account, or none.
    settings = read_stack_settings(
        environment.name, environment.settings_file, defaults={"aws:allowedAccountIds": json.dumps([account_id])}
    )
    with ThreadPoolExecutor(max_workers=len(checks) + 1) as pool:
        facts = EnvironmentFacts(
            environment=environment,
            settings=settings,
            aws=aws,
            scope=Scope(account_id=account_id, region=aws.region, environment=environment.name),
            reading=pool.submit(read_recorded_stack, environment),
        )
        examined = [pool.submit(run_check, check, facts) for check in checks]
    return [finding for future in examined for finding in future.result()]


def run_check(check: EnvironmentCheck, facts: EnvironmentFacts) -> list[Finding]:
    """Return a check's findings; what it found before a call failed is kept."""
    found: list[Finding] = []
    try:
        found.extend(check.examine(facts))
    except UserError as error:
        found.append(_failure_finding(check.name, error))
    except EngineError as error:
        failed = UserError(str(error), repair=f"cfs doctor --environment {facts.name}")
        found.append(_failure_finding(check.name, failed))
    return found


def _failure_finding(check: str, error: UserError) -> Finding:
    is_denied = isinstance(error, AwsError) and error.code.startswith(("AccessDenied", "Authorization", "Unauthorized"))
    label = "It cannot be seen with this role" if is_denied else "It could not be examined"
    return doubtful_finding(check, f"{label}: {error.problem}", repair=error.repair)
