"""GitHub's patterns for paths and refs: `*` does not match a slash, `**` does.

https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository#using-fnmatch-syntax
"""

from __future__ import annotations

import re

_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_PARTS = re.compile(r"\*\*/|\*\*|[*?]|[^*?]+")


def matches_path(pattern: str, path: str) -> bool:
    """Return whether a path or a ref matches a pattern."""
    parts = _PARTS.findall(pattern)
    return re.fullmatch("".join(_WILDCARDS.get(part) or re.escape(part) for part in parts), path) is not None
