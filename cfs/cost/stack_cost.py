"""Cost report of an environment, from its settings, the prices and, for a change, a preview."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cfs.cost.cost_report import cost_markdown, make_cost_report
from cfs.cost.preview_price import usage_before_change
from cfs.cost.stack_usage import usage_of_settings
from costs.price_list import PriceError, StalePriceError, load_price_list
from infra.config.given import SECRET_SETTINGS
from infra.config.settings_file import read_stack_config
from infra.config.stack_settings import settings_of_config
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from cfs.cost.cost_report import CostReport


_SECRETS = {f"{CONFIG_NAMESPACE}:{name}" for name in SECRET_SETTINGS}

_ACCOUNT = {"aws:allowedAccountIds": '["111122223333"]'}
"""AWS's example ID. An estimate needs no account, and a settings file has none before `cfs bootstrap`."""


def read_preview(file: Path) -> Mapping[str, Any]:
    """Read a file that `pulumi preview --json` wrote."""
    try:
        preview: Mapping[str, Any] = {**json.loads(file.read_text(encoding="utf-8"))}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{file} is not a preview's JSON.", repair="pulumi preview --json --stack ENVIRONMENT > FILE"
        ) from error
    return preview


def change_cost_section(environment: str, preview: Mapping[str, Any]) -> str:
    """Return a change's cost as Markdown for a comment or a job summary, or the reason why it is unknown."""
    try:
        return cost_markdown(estimate_environment(environment, today=datetime.now(UTC).date(), preview=preview))
    except UserError as error:
        return f"**Cost of {environment}:** unknown. {error.problem.splitlines()[0]}\n"


def estimate_environment(
    environment: str,
    *,
    today: date,
    settings_file: Path | None = None,
    preview: Mapping[str, Any] | None = None,
    allow_stale: bool = False,
) -> CostReport:
    """Return an environment's cost, and with a preview also the cost before the change.

    Args:
        environment: The stack's name.
        today: First day of the year to estimate; prices must not be stale on this day.
        settings_file: Settings file; None for Pulumi.ENVIRONMENT.yaml.
        preview: Output of `pulumi preview --json`; its configuration takes precedence over the file.
        allow_stale: Accept prices of any age.
    """
    file = settings_file or PROJECT_FOLDER / f"Pulumi.{environment}.yaml"
    if not file.exists():
        raise UserError(f"There is no {file}.", repair="give --environment the name of a stack, such as prod")
    given = (preview or {}).get("config") or read_stack_config(file)
    settings = settings_of_config(
        {key: value for key, value in given.items() if key not in _SECRETS}, stack=environment, defaults=_ACCOUNT
    )
    usage = usage_of_settings(settings, today=today)
    before = None
    if preview is not None:
        earlier = usage_before_change(usage, preview)
        before = [] if earlier is None else [earlier]
    try:
        return make_cost_report(
            usage,
            load_price_list(usage.region, today=None if allow_stale else today),
            environment=environment,
            limit_usd=settings.daily_budget_usd,
            before=before,
        )
    except PriceError as error:
        allowance = ", or allow it once: --allow-stale-prices" if isinstance(error, StalePriceError) else ""
        raise UserError(f"{error}.", repair=f"cfs prices refresh --region {usage.region}{allowance}") from error
