"""How nodes reach the internet."""

from __future__ import annotations

from typing import Literal

EgressMode = Literal["nat", "public-ip"]
"""How nodes reach the internet; nothing reaches them either way."""
