"""Statements that are compiled once for all tests, as they are once for an app's one engine.

Each test has a database and so an engine of its own, which would compile its statements anew: that
took a fifth of the time of a test.
"""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

STATEMENTS = 3000
_PRIVATE = ("_json_serializer", "_json_deserializer", "_user_defined_max_identifier_length")


def share() -> None:
    """From now on all engines whose dialects are alike share what is compiled."""
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)
    # Any: the library offers no way to replace these.
    engine: Any = Engine
    engine._compiled_cache = property(lambda _: compiled, lambda *_: None)
    dialect: Any = DefaultDialect
    # What is compiled is kept under its statement and its dialect.
    dialect.__eq__, dialect.__hash__ = are_alike, lambda self: hash(type(self))


def are_alike(one: DefaultDialect, other: object) -> bool:
    """Whether they compile alike; before it has met its server, each is like itself alone."""
    if one is other:
        return True
    return type(one) is type(other) and _traits(one) == _traits(other)


def _traits(dialect: Any) -> dict[str, object]:
    # Any: the attributes differ from dialect to dialect.
    traits: dict[str, object] | None = vars(dialect).get("traits_of_tests")
    if traits is None:
        if getattr(dialect, "server_version_info", None) is None:
            return {"itself": id(dialect)}
        traits = {name: each for name, each in vars(dialect).items() if _tells_apart(name, each)}
        dialect.traits_of_tests = traits
    return traits


def _tells_apart(name: str, trait: object) -> bool:
    """What it was made with, and what its server has told; not what it keeps of either."""
    if name.startswith("_"):
        return name in _PRIVATE
    return isinstance(trait, str | int | float | tuple | None)
