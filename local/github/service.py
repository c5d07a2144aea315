"""The service itself: its limits, and what it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.github.responses import ApiAnswer
from local.github.routing import RouteTable

if TYPE_CHECKING:
    from local.github.calls import ApiCall

service_routes = RouteTable()


@service_routes.serve_path("GET", "/rate_limit", model="RateLimitOverview", docs="rate-limit/rate-limit")
def get_rate_limit(call: ApiCall) -> ApiAnswer:
    """Show what is left of the hourly limit; nothing is ever searched, so that all of that limit is."""
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": call.rate["reset"]}
    return ApiAnswer({"resources": {"core": call.rate, "search": search}})


@service_routes.serve_path("GET", "/meta", model="ApiOverview", docs="meta/meta#get-apiname-meta-information")
def get_api_metadata(_call: ApiCall) -> ApiAnswer:
    """Show that passwords are no credentials."""
    return ApiAnswer({"verifiable_password_authentication": False})
