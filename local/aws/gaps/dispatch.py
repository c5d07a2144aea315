"""All services: the search for the method that answers a request."""

from __future__ import annotations

from functools import cache

from moto import backends
from moto.core import responses


def close_dispatch_gaps() -> None:
    """Find services and their methods once; moto's searches, for each request, take longer than most answers."""
    services = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services
    responses.method_names_from_class = cache(responses.method_names_from_class)
