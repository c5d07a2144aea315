"""Base class of all components: uniform type tokens, children with the right parent, registered outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import pulumi

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPONENT_PACKAGE = "claudefs:infra"
"""Package and module of every component's type token: `claudefs:infra:<Class>`."""


class ChildOptions(TypedDict, total=False):
    """The resource options that this project's components set on their children."""

    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    replacement_trigger: object
    ignore_changes: list[str]
    depends_on: Sequence[pulumi.Resource]
    import_: str | None


class Component(pulumi.ComponentResource):
    """Base class of the stack's components."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the component under `claudefs:infra:<Class>`."""
        super().__init__(f"{COMPONENT_PACKAGE}:{type(self).__name__}", name, None, opts)

    def child_options(self, **options: Unpack[ChildOptions]) -> pulumi.ResourceOptions:
        """Return the options of a child resource; callers cannot override the parent."""
        return pulumi.ResourceOptions(parent=self, **options)

    def register_declared_outputs(self) -> None:
        """Register every public attribute that the class declares, in camel case."""
        names = [name for name in type(self).__annotations__ if not name.startswith("_")]
        self.register_outputs({_camel_case(name): getattr(self, name) for name in names})


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
