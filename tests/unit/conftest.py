"""Speeds up moto, which end-to-end tests do not import, by avoiding repeated work."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import xmltodict
from moto.core.serialize import XFormedAttributePicker

if TYPE_CHECKING:
    from moto.core.serialize import AttributePickerContext

# Names that the field of a response may have in moto's models, which it looks up for each value.
_list_keys = XFormedAttributePicker.get_possible_keys
_keys: dict[tuple[object, ...], tuple[str, ...]] = {}


def _list_keys_once(picker: XFormedAttributePicker, context: AttributePickerContext) -> tuple[str, ...]:
    asked = (type(context.obj), context.key, context.shape, *picker.alias_providers)
    if asked not in _keys:
        _keys[asked] = tuple(dict.fromkeys(_list_keys(picker, context)))
    return _keys[asked]


XFormedAttributePicker.get_possible_keys = _list_keys_once
# Of each element that moto writes.
xmltodict._validate_name = cache(xmltodict._validate_name)  # noqa: SLF001 — pure
