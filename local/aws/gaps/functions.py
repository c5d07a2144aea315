"""Lambda: a function's log group and dead-letter queue, which moto does not store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaFunction

from local.aws.invocations import accept_topic_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KEPT_SETTINGS = ("DeadLetterConfig", "LoggingConfig")


def close_function_gaps() -> None:
    """Close the gaps of this service."""
    accept_topic_messages()
    initialize: Callable[..., None] = LambdaFunction.__init__
    update: Callable[..., dict[str, Any]] = LambdaFunction.update_configuration
    describe: Callable[..., dict[str, Any]] = LambdaFunction.get_configuration

    def initialize_with_settings(self: LambdaFunction, *args: Any, **given: Any) -> None:
        initialize(self, *args, **given)
        _keep_settings(self, given.get("spec") or args[1])

    def update_with_settings(self: LambdaFunction, config_updates: dict[str, Any]) -> dict[str, Any]:
        _keep_settings(self, config_updates)
        update(self, config_updates)
        described: dict[str, Any] = self.get_configuration()
        return described

    def describe_with_settings(self: LambdaFunction, on_create: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 — moto's signature
        return {**describe(self, on_create), **vars(self).get("kept_settings", {})}

    LambdaFunction.__init__ = initialize_with_settings
    LambdaFunction.update_configuration = update_with_settings
    LambdaFunction.get_configuration = describe_with_settings


def _keep_settings(function: LambdaFunction, given: Mapping[str, Any]) -> None:
    kept = vars(function).setdefault("kept_settings", {})
    kept.update({name: given[name] for name in _KEPT_SETTINGS if name in given})
