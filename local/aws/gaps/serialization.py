"""All services: how moto finds the values of an answer and checks its XML."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import xmltodict
from moto.core.serialize import MISSING, AttributePickerContext, ResponseSerializer, XFormedAttributePicker
from moto.core.utils import get_value
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

if TYPE_CHECKING:
    from botocore.model import Shape


def close_serialization_gaps() -> None:
    """Keep the results of searches that moto repeats for each value; `DescribeInstances` then takes half the time."""
    _find_names_once()
    _check_element_names_once()
    _find_tags_by_resource()


def _find_names_once() -> None:
    """Find the names that a member of an answer may have in a class of moto once, not for each object."""
    get_transformed = ResponseSerializer.get_value
    names_of = XFormedAttributePicker().get_possible_keys
    names: dict[tuple[Shape, str, type], tuple[str, ...]] = {}

    def find_names(serializer: ResponseSerializer, value: object, key: str, shape: Shape) -> tuple[str, ...]:
        paths = serializer._value_picker.response_transformers  # noqa: SLF001 — moto has no public equivalent
        if any(key.endswith(path.rpartition(".")[2]) for path in paths):
            return ()
        return tuple(dict.fromkeys(names_of(AttributePickerContext(obj=value, key=key, shape=shape))))

    def get_named(self: ResponseSerializer, value: Any, key: str, shape: Shape) -> Any:
        place = (shape, key, type(value))
        if place not in names:
            names[place] = find_names(self, value, key, shape)
        for name in names[place]:
            found = get_value(value, name, MISSING)
            if found is not MISSING:
                return found
        return None if names[place] else get_transformed(self, value, key, shape)

    ResponseSerializer.get_value = get_named


def _check_element_names_once() -> None:
    xmltodict._validate_name = cache(xmltodict._validate_name)  # noqa: SLF001 — xmltodict has no public equivalent


def _find_tags_by_resource() -> None:
    """Look up a resource's tags by its id; moto compares the ids of all tagged resources."""

    def get_tags(self: Any) -> list[dict[str, str]]:
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if self.id else ""
        return [
            {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
            for key, value in self.ec2_backend.tags.get(self.id, {}).items()
        ]

    TaggedEC2Resource.get_tags = get_tags
