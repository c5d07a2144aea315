"""The diagram on the page about the architecture is the deployed stack's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.project import PROJECT_FOLDER
from measure.stack_diagram import draw_components

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack


def test_the_diagram_is_the_deployed_stacks(deployed: Stack) -> None:
    page = (PROJECT_FOLDER / "docs/architecture.md").read_text()
    shown = page.partition("```mermaid\n")[2].partition("```")[0]
    assert shown == draw_components(deployed.resources()), "replace it with the output of `cfs diagram`"
