"""What spares tests on moto and boto3 the making of what they do not look at."""

from __future__ import annotations

import gc
from functools import cache
from typing import TYPE_CHECKING

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says nothing on a machine that is busy with other tests.
settings.register_profile("unit", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")

# The SDKs and moto are a million objects that stay; looking for garbage among them was a sixth of the tests' time.
gc.set_threshold(50_000, 20, 50)

IMAGE = "ami-12c6146b"
"""The one machine image that the account of `one_image` has."""


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> Iterator[None]:
    """Keep the services' models, which boto3 reads anew for each session, up to some MB of JSON each."""
    read = JSONFileLoader.load_file
    content = cache(lambda path: read(JSONFileLoader(), path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: content(path))
        yield


@pytest.fixture
def one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto know one image; it makes all that it knows, 1300, anew at both ends of a mocked account."""
    from moto.ec2.models import amis  # noqa: PLC0415 — takes a second, and few tests need it

    # The variable keeps it from adding each region's newest images.
    monkeypatch.setenv("MOTO_AMIS_PATH", "none but this one")
    monkeypatch.setattr(amis, "AMIS", [image for image in amis.AMIS if image["ami_id"] == IMAGE])
