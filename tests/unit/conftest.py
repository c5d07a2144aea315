"""What spares tests on moto and boto3 the making of what they do not look at."""

from __future__ import annotations

import gc
import pickle
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

# How long an example takes says nothing on a machine that is busy with other tests.
settings.register_profile("unit", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")

# Importing the SDKs and moto makes a million objects that stay; looking for garbage among them took a fifth of time.
gc.disable()
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    """Look for garbage from now on, among what tests make."""
    gc.freeze()
    gc.enable()


_load_file = JSONFileLoader.load_file
_load_once = cache(lambda path: _load_file(JSONFileLoader(), path))
_load_as_bytes = cache(lambda path: pickle.dumps(_load_file(JSONFileLoader(), path)))


def _load_copy(path: str) -> Any:
    return pickle.loads(_load_as_bytes(path))  # noqa: S301 — what this process has written


_found: dict[tuple[str, ...], Any] = {}


def _look_once(look: Callable[..., Any]) -> Callable[..., Any]:
    """Let botocore look once for what it has on disk, where each session looks again."""

    def looked(loader: Loader, *asked: str, **named: str) -> Any:
        key = (look.__name__, *loader.search_paths, *asked, *named.values())
        if key not in _found:
            _found[key] = look(loader, *asked, **named)
        return _found[key]

    return looked


Loader.list_available_services = _look_once(Loader.list_available_services)
Loader.list_api_versions = _look_once(Loader.list_api_versions)
# boto3 reads the services' models for each session, up to some MB of JSON each. It changes S3's model in use, removing
# the bucket from the paths of operations, so each session gets a copy of its own.
JSONFileLoader.load_file = lambda _loader, path: _load_copy(path) if "/s3/" in path else _load_once(path)

IMAGE = "ami-12c6146b"
"""The one machine image that the account of `one_image` has."""


@pytest.fixture
def one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto know one image; it makes all that it knows, 1300, anew at both ends of a mocked account."""
    from moto.ec2.models import amis  # noqa: PLC0415 — takes a second, and few tests need it

    # The variable keeps it from adding each region's newest images.
    monkeypatch.setenv("MOTO_AMIS_PATH", "none but this one")
    monkeypatch.setattr(amis, "AMIS", [image for image in amis.AMIS if image["ami_id"] == IMAGE])
