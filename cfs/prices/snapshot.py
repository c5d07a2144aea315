"""Text of a price snapshot: merged with new prices, and formatted with one price per line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class NewPrice:
    """A price that replaces the snapshot's.

    Attributes:
        region: Name of the AWS region.
        name: Name of the price in the snapshot.
        usd: US dollars per `per` units.
        per: Number of units that the price covers.
        unit: Name of the unit, for people.
    """

    region: str
    name: str
    usd: Decimal
    per: int = 1
    unit: str


def merge_prices(text: str, new: Iterable[NewPrice], *, source: str, url: str, dated: date) -> str:
    """Return a snapshot with new prices and their source, without the sources that no price refers to any more."""
    snapshot = json.loads(text)
    sources, regions = snapshot["sources"], snapshot["prices"]
    source_id = f"{source}-{dated}"
    sources[source_id] = {"url": url, "date": str(dated)}
    for price in new:
        per = {"per": price.per} if price.per != 1 else {}
        entry = {"usd": f"{price.usd.normalize():f}", **per, "unit": price.unit, "source": source_id}
        regions.setdefault(price.region, {})[price.name] = entry
    used = {entry["source"] for prices in regions.values() for entry in prices.values()}
    return format_snapshot({**snapshot, "sources": {key: sources[key] for key in sorted(used)}})


def format_snapshot(snapshot: Mapping[str, Any]) -> str:
    """Return a snapshot as text, sorted, with one line per price, so a changed price changes one line."""
    regions = [
        f"    {json.dumps(region)}: {{\n{_format_lines(prices, indent=6)}\n    }}"
        for region, prices in sorted(snapshot["prices"].items())
    ]
    sources = _format_lines(snapshot["sources"], indent=4)
    return f'{{\n  "sources": {{\n{sources}\n  }},\n  "prices": {{\n' + ",\n".join(regions) + "\n  }\n}\n"


def _format_lines(entries: Mapping[str, Any], *, indent: int) -> str:
    return ",\n".join(f"{' ' * indent}{json.dumps(key)}: {json.dumps(entry)}" for key, entry in sorted(entries.items()))
