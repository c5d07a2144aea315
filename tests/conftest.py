"""Speeds up tests with moto and boto3 by avoiding repeated and unnecessary setup."""

from __future__ import annotations

import gc
import pickle
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from botocore import parsers
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import JSONFileLoader, Loader
from botocore.useragent import UserAgentString
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import ServiceModel

# No deadline: the duration of an example is meaningless on a machine that is busy with other tests.
settings.register_profile("unit", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")

# Importing the SDKs and moto creates a million objects that are never freed; collecting garbage among them would take
# a fifth of the time.
gc.disable()
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    """Enable garbage collection, only for objects that tests create."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Collect garbage once; pytest does it five times more, over all that the tests' modules and caches keep."""
    gc.collect()
    gc.freeze()


_load_file = JSONFileLoader.load_file
_load_once = cache(lambda path: _load_file(JSONFileLoader(), path))
_load_as_bytes = cache(lambda path: pickle.dumps(_load_file(JSONFileLoader(), path)))


def _load_copy(path: str) -> Any:
    return pickle.loads(_load_as_bytes(path))  # noqa: S301 — pickled by this process


_found: dict[tuple[str, ...], Any] = {}


def _look_once(look: Callable[..., Any]) -> Callable[..., Any]:
    """Cache botocore's searches of its data folders, which it otherwise repeats for each session."""

    def looked(loader: Loader, *asked: str, **named: str) -> Any:
        key = (look.__name__, *loader.search_paths, *asked, *named.values())
        if key not in _found:
            _found[key] = look(loader, *asked, **named)
        return _found[key]

    return looked


Loader.list_available_services = _look_once(Loader.list_available_services)
Loader.list_api_versions = _look_once(Loader.list_api_versions)
# boto3 loads service models for each session, up to several MB of JSON each. It modifies S3's model, removing the
# bucket from the paths of operations, so each session gets its own copy of that one.
JSONFileLoader.load_file = lambda _loader, path: _load_copy(path) if "/s3/" in path else _load_once(path)

# Each session would resolve its hundred handlers' aliases, and look at their signatures.
_resolve_alias = EventAliaser._alias_event_name  # noqa: SLF001 — pure, and called most of all functions here
_aliaser = EventAliaser(HierarchicalEmitter())
EventAliaser._alias_event_name = lambda _self, name: _resolve_alias(_aliaser, name)  # noqa: SLF001 — same reason
# Each client has a class of its own with a method for each of the service's operations, 700 for EC2.
_create_methods = ClientCreator._create_methods  # noqa: SLF001 — depends only on the service
_methods: dict[str, dict[str, Any]] = {}


def _create_methods_once(creator: ClientCreator, model: ServiceModel) -> dict[str, Any]:
    if model.service_name not in _methods:
        _methods[model.service_name] = _create_methods(creator, model)
    return dict(_methods[model.service_name])


ClientCreator._create_methods = _create_methods_once  # noqa: SLF001 — same reason
# Of each request; moto looks only for a region in it.
UserAgentString.to_string = lambda _self: "boto3 in tests"
# Most timestamps are a few that the tests' clock shows.
parsers.DEFAULT_TIMESTAMP_PARSER = cache(parsers.DEFAULT_TIMESTAMP_PARSER)

IMAGE = "ami-12c6146b"
"""The only machine image in an account with the fixture `one_image`."""


@pytest.fixture
def one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit moto to one image; it otherwise creates all its 1300 images at the start and end of a mocked account."""
    from moto.ec2.models import amis  # noqa: PLC0415 — takes a second, and few tests need it

    # The variable prevents moto from adding each region's newest images.
    monkeypatch.setenv("MOTO_AMIS_PATH", "none but this one")
    monkeypatch.setattr(amis, "AMIS", [image for image in amis.AMIS if image["ami_id"] == IMAGE])
