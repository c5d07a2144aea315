"""How nodes reach the internet."""

from __future__ import annotations

from typing import Literal

EgressMode = Literal["nat", "public-ip"]
"""Route of nodes to the internet; nothing on the internet reaches them."""
