"""A command group that imports a command only when it runs, so `cfs --help` is fast."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class LazyCommand:
    """A command, or a group of commands, that has not been imported yet.

    Attributes:
        target: Module and attribute of the Typer application, such as "cfs.deploy.app:app".
        summary: Description in `cfs --help`.
    """

    target: str
    summary: str

    def import_command(self, name: str) -> Any:  # Typer bundles its own copy of click, whose types it does not export
        """Import the command and set its name."""
        module, _, attribute = self.target.partition(":")
        command = typer.main.get_command(getattr(import_module(module), attribute))
        command.name = name
        # `cfs` installs completion, not its commands.
        command.params = [parameter for parameter in command.params if parameter.name not in _COMPLETION]
        return command


_COMPLETION = ("install_completion", "show_completion")


def lazy_group(commands: Mapping[str, LazyCommand]) -> type[TyperGroup]:
    """Return a group class of these commands."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 — the framework's signature
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 — as above
            """Return a placeholder for help and completion; `resolve_command` imports the real command."""
            known = commands.get(cmd_name)
            return TyperCommand(cmd_name, help=known.summary) if known else None

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and (known := commands.get(args[0])):
                return args[0], known.import_command(args[0]), args[1:]
            return super().resolve_command(ctx, args)

    return LazyGroup
