"""All services: the search for the method that answers a request, and the models of services."""

from __future__ import annotations

from functools import cache

from moto import backends
from moto.core import responses, utils
from moto.core.base_backend import AccountSpecificBackend

from local.aws.service_models import model_session, region_session


def close_dispatch_gaps() -> None:
    """Find services, methods and models once; moto's searches take longer than most answers."""
    services = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services
    responses.method_names_from_class = cache(responses.method_names_from_class)
    # Each loader lists the files of all of botocore's services, and reads models that another has read.
    utils.create_loader = lambda: model_session().get_component("data_loader")
    utils.Session = model_session
    AccountSpecificBackend.get_session = region_session
