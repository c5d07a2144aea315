"""CloudWatch: moto lists a metric with several dimensions once for each of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.cloudwatch import models

if TYPE_CHECKING:
    from collections.abc import Iterable


def close_metric_gaps() -> None:
    """Close the gap of this service."""
    models.are_dimensions_same = _have_same_dimensions


def _have_same_dimensions(one: Iterable[models.Dimension], other: Iterable[models.Dimension]) -> bool:
    """Return whether two metrics have the same dimensions, in any order."""
    first, second = ({(dimension.name, dimension.value) for dimension in dimensions} for dimensions in (one, other))
    return first == second
