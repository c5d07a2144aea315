"""What spares tests on moto and boto3 the making of what they do not look at."""

from __future__ import annotations

import gc
from functools import cache

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings

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
# boto3 reads the services' models anew for each session, up to some MB of JSON each. It changes S3's as it uses it (the
# bucket leaves the paths of operations), so that one is read each time.
JSONFileLoader.load_file = lambda loader, path: _load_file(loader, path) if "/s3/" in path else _load_once(path)

IMAGE = "ami-12c6146b"
"""The one machine image that the account of `one_image` has."""


@pytest.fixture
def one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto know one image; it makes all that it knows, 1300, anew at both ends of a mocked account."""
    from moto.ec2.models import amis  # noqa: PLC0415 — takes a second, and few tests need it

    # The variable keeps it from adding each region's newest images.
    monkeypatch.setenv("MOTO_AMIS_PATH", "none but this one")
    monkeypatch.setattr(amis, "AMIS", [image for image in amis.AMIS if image["ami_id"] == IMAGE])
