"""How many rows a condition may hold, as far as its looks tell."""

import re

_BOUND = re.compile(
    r"^\W*(\w+\.)?\"?(\w*_)?(id|uuid|key|code|slug|name)\"?\s*(=\s*[^\s(]+|in\s*\((?!\s*select))",
    re.IGNORECASE,
)
_PLACES = re.compile(r"\bctid\s*=\s*any\s*\(\s*array\b", re.IGNORECASE)


def bounded(where: str) -> bool:
    """Whether a condition holds the number of rows small: an equality on what looks like a key,
    or places in the table that were looked up before."""
    if _PLACES.search(where):
        return True
    return bool(_BOUND.match(where)) and not re.search(r"\bor\b", where, re.IGNORECASE)
