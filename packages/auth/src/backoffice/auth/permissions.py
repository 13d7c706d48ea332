"""Permissions: strings such as `books:read`, and the patterns that grant them."""

import re
from collections.abc import Iterable

from backoffice.core import InvalidInput

#: Every permission there is; a superuser holds it.
EVERYTHING = "*"

_PERMISSION = re.compile(r"[a-z][a-z0-9_.-]{0,62}:(?:\*|[a-z][a-z0-9_.-]{0,62})")


def parsed(permission: str) -> str:
    """The same string, if it is `resource:action`, `resource:*` or `*`; else InvalidInput."""
    if permission != EVERYTHING and not _PERMISSION.fullmatch(permission):
        raise InvalidInput(
            f"{permission!r} is not a permission; write resource:action in lower case, such as "
            "books:read, or books:* for every action, or * for everything",
            code="invalid_permission",
        )
    return permission


def grants(held: frozenset[str], wanted: str) -> bool:
    """Whether the patterns held include the permission or pattern that is wanted."""
    if wanted in held or EVERYTHING in held:
        return True
    return f"{wanted.partition(':')[0]}:*" in held


def intersection(one: Iterable[str], other: Iterable[str]) -> frozenset[str]:
    """What both sets of patterns grant: of each pair that overlaps, the narrower."""
    one, other = frozenset(one), frozenset(other)
    return frozenset(
        {each for each in one if grants(other, each)}
        | {each for each in other if grants(one, each)}
    )
