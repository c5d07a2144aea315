"""The service itself: its limits, and what it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.github.responses import Answer
from local.github.routing import Routes

if TYPE_CHECKING:
    from local.github.calls import Call

routes = Routes()


@routes.on("GET", "/rate_limit", model="RateLimitOverview", docs="rate-limit/rate-limit")
def get_rate_limit(call: Call) -> Answer:
    """Show what is left of the hourly limit; nothing is ever searched, so that all of that limit is."""
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": call.rate["reset"]}
    return Answer({"resources": {"core": call.rate, "search": search}})


@routes.on("GET", "/meta", model="ApiOverview", docs="meta/meta#get-apiname-meta-information")
def get_meta(_call: Call) -> Answer:
    """Show that passwords are no credentials."""
    return Answer({"verifiable_password_authentication": False})
