"""Times a Terraform configuration on an emulated account, to compare it with the stack."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from measure.bench.timed_commands import TimedCommand, engine_environment
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from local.engine import LocalEngine

_PASSED_VARIABLES = ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR")
"""Variables of the user that tell Terraform where its providers are."""


def twin_commands(engine: LocalEngine, configuration: Path) -> dict[str, TimedCommand]:
    """Return Terraform's commands in the order in which they have to run.

    Args:
        engine: A new account.
        configuration: Folder of the configuration, after `terraform init`; its copy keeps the state.
    """
    terraform = shutil.which("terraform")
    if terraform is None:
        raise UserError("There is no `terraform` on PATH to compare with.", repair="install it, or omit --terraform")
    if not any(configuration.glob("*.tf")):
        raise UserError(f"{configuration} has no *.tf file.", repair="name the folder of a Terraform configuration")
    folder = engine.account.folder / "terraform"
    shutil.copytree(configuration, folder, symlinks=True, ignore=shutil.ignore_patterns("*.tfstate*"))
    # What tunes Pulumi must not tune Terraform, which is to run as its users run it.
    of_account = {name: value for name, value in engine_environment(engine).items() if name != "GOGC"}
    passed = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}

    def terraform_command(*arguments: str) -> TimedCommand:
        return TimedCommand(
            arguments=(terraform, *arguments, "-input=false", "-no-color"),
            folder=folder,
            environment=of_account | passed,
        )

    return {
        "terraformApply": terraform_command("apply", "-auto-approve"),
        "terraformPlan": terraform_command("plan", "-refresh=false"),
        "terraformRefresh": terraform_command("plan"),
        "terraformDestroy": terraform_command("destroy", "-auto-approve"),
    }
