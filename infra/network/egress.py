"""How nodes reach the internet."""

from __future__ import annotations

from typing import Literal

EgressMode = Literal["nat", "public-ip"]
"""Route of nodes to the internet; the internet cannot connect to nodes in either mode."""
