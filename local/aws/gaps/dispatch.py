"""All services: the search for the method that answers a request."""

from __future__ import annotations

from functools import cache

from moto.core import responses


def close_dispatch_gaps() -> None:
    """List a service's methods once; moto does it for each request, which takes milliseconds for EC2."""
    responses.method_names_from_class = cache(responses.method_names_from_class)
