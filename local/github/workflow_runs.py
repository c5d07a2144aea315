"""Runs of workflows. The stand-in starts none, so the list is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.github.responses import ApiAnswer
from local.github.routing import REPOSITORY_PATH, RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall

workflow_run_routes = RouteTable()


@workflow_run_routes.serve_path("GET", f"{REPOSITORY_PATH}/actions/runs")
def list_workflow_runs(_: ApiCall) -> ApiAnswer:
    """Return no runs."""
    return ApiAnswer({"total_count": 0, "workflow_runs": []})
