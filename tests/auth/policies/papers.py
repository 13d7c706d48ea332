"""Papers with columns of many types, most of which may be NULL, and random conditions on them.

A condition is kept as data: `sql` makes SQLAlchemy's expression of it, `plain` says in a few lines
of Python what it means. Neither knows of the other, nor of the code that is tested.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, and_, false, literal, not_, null, or_, true
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel, col, select


class Papers(SQLModel, registry=registry()):
    """A metadata of its own."""


class State(StrEnum):
    draft = "d"
    out = "o"


class Shelf(Papers, table=True):
    __tablename__ = "policy_shelf"

    id: int | None = Field(default=None, primary_key=True)
    room: str | None = None


class Paper(Papers, table=True):
    __tablename__ = "policy_paper"

    id: int | None = Field(default=None, primary_key=True)
    owner_id: uuid.UUID | None = None
    team: str | None = None
    level: int | None = None
    public: bool | None = None
    state: State | None = None
    due: date | None = None
    sent_at: datetime | None = None
    price: Decimal | None = Field(default=None, max_digits=8, decimal_places=2)
    shelf_id: int | None = Field(default=None, foreign_key="policy_shelf.id")

    shelf: Shelf | None = Relationship()


class Line(Papers, table=True):
    """With a key of two columns."""

    __tablename__ = "policy_line"

    paper_id: int = Field(primary_key=True)
    number: int = Field(primary_key=True)
    price: Decimal = Decimal(1)


ANN, BOB = uuid.UUID(int=1), uuid.UUID(int=2)
DAY, MOMENT = date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
#: What stands in each column, and is asked for: NULL is in all of them.
VALUES: dict[str, list[Any]] = {
    "owner_id": [None, ANN, BOB],
    "team": [None, "", "a", "A", "é"],
    "level": [None, 0, 1, 2, -1],
    "public": [None, True, False],
    "state": [None, State.draft, State.out],
    "due": [None, DAY, DAY + timedelta(1)],
    "sent_at": [None, MOMENT, MOMENT + timedelta(microseconds=1)],
    "price": [None, Decimal("1.50"), Decimal("2.00")],
}
_ORDERED = ("level", "due", "sent_at", "price")
_ROOMS = [None, "north", "south"]
Condition = tuple[Any, ...]


def shelves() -> list[Shelf]:
    return [Shelf(id=number, room=room) for number, room in enumerate(_ROOMS, 1)]


def papers(chance: random.Random, count: int) -> list[Paper]:
    """Random ones, after one of nothing but NULL."""
    drawn = [
        {name: chance.choice(values) for name, values in VALUES.items()} for _ in range(count - 1)
    ]
    shelf = [None, 1, 2, 3]
    return [Paper(id=1)] + [
        Paper(id=number, shelf_id=chance.choice(shelf), **values)
        for number, values in enumerate(drawn, 2)
    ]


def condition(chance: random.Random, depth: int = 3) -> Condition:
    """A random one; at its leaves, comparisons, and now and then a question to another table."""
    if depth and chance.random() < 0.7:
        kind = chance.choice(["and", "or", "not"])
        parts = 1 if kind == "not" else chance.randint(2, 3)
        return (kind, *(condition(chance, depth - 1) for _ in range(parts)))
    return _leaf(chance)


def _leaf(chance: random.Random) -> Condition:
    name = chance.choice(list(VALUES))
    one, other = (chance.choice(VALUES[name]) for _ in range(2))
    kinds = ["eq", "ne", "is null", "in", "not in", "same", "distinct"]
    kinds += ["lt", "ge", "between"] * (name in _ORDERED)
    kinds += ["true", "is true"] * 3 * (name == "public")
    kind = chance.choice([*kinds, "constant", "room", "column"])
    match kind:
        case "constant":
            return ("constant", chance.choice([True, False, None]))
        case "room":
            return ("room", chance.choice(_ROOMS[1:]))
        case "column":
            return ("column", "level", "id")
        case "in" | "not in":
            return (kind, name, [each for each in (one, other) if chance.random() < 0.8])
        case "between":
            return (kind, name, one, other)
    return (kind, name, one)


def sql(found: Condition) -> ColumnElement[bool]:
    """The condition as SQLAlchemy writes it."""
    kind, *parts = found
    match kind:
        case "and":
            return and_(*map(sql, parts))
        case "or":
            return or_(*map(sql, parts))
        case "not":
            return not_(sql(parts[0]))
        case "constant":
            constants: dict[Any, Any] = {True: true(), False: false(), None: null()}
            return and_(col(Paper.public).is_not(None), constants[parts[0]])
        case "room":
            return col(Paper.shelf_id).in_(select(Shelf.id).where(col(Shelf.room) == parts[0]))
    compared: ColumnElement[bool] = _compared(kind, getattr(Paper, parts[0]), parts[1:])
    return compared


def _compared(kind: str, column: Any, parts: list[Any]) -> Any:
    value: Any = parts[0] if parts else None
    made: dict[str, Callable[[], Any]] = {
        "column": lambda: column >= getattr(Paper, value),
        "true": lambda: column,
        "is true": lambda: column.is_(True),
        "is null": lambda: column.is_(None),
        "in": lambda: column.in_(value),
        "not in": lambda: column.not_in(value),
        "between": lambda: column.between(*(literal(each, column.type) for each in parts)),
        "same": lambda: column.is_not_distinct_from(value),
        "distinct": lambda: column.is_distinct_from(value),
        "eq": lambda: column == value,
        "ne": lambda: column != value,
        "lt": lambda: column < literal(value, column.type),
        "ge": lambda: column >= literal(value, column.type),
    }
    return made[kind]()


def plain(found: Condition, paper: Paper) -> bool | None:
    """What the condition means: True, False, or unknown."""
    kind, *parts = found
    if kind in ("and", "or", "not"):
        several = [plain(each, paper) for each in parts]
        if kind == "not":
            return None if several[0] is None else not several[0]
        decisive = bool(kind == "or")
        if decisive in several:
            return decisive
        return None if None in several else not decisive
    if kind == "constant":
        return False if paper.public is None else bool_or_unknown(parts[0])
    if kind == "room":
        return None if paper.shelf_id is None else bool(_ROOMS[paper.shelf_id - 1] == parts[0])
    value = getattr(paper, parts[0])
    return _leaf_means(kind, value, [getattr(paper, parts[1])] if kind == "column" else parts[1:])


def bool_or_unknown(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _leaf_means(kind: str, value: Any, parts: Sequence[Any]) -> bool | None:
    match kind:
        case "true":
            return bool_or_unknown(value)
        case "is true":
            return value is True
        case "is null":
            return value is None
        case "same":
            return bool(value == parts[0])
        case "distinct":
            return bool(value != parts[0])
        case "in" | "not in":
            inside = _inside(value, parts[0])
            return inside if kind == "in" or inside is None else not inside
        case "between":
            bounds = [_order("ge", value, parts[0]), _order("ge", parts[1], value)]
            return False if False in bounds else None if None in bounds else True
    if kind in ("eq", "ne") and parts[0] is None:  # which SQLAlchemy writes as IS NULL
        return bool((value is None) == (kind == "eq"))
    return _order("ge" if kind == "column" else kind, value, parts[0])


def _inside(value: Any, members: list[Any]) -> bool | None:
    if not members:
        return False
    if value is None or (None in members and value not in members):
        return None
    return value in members


def _order(kind: str, value: Any, other: Any) -> bool | None:
    if value is None or other is None:
        return None
    if kind == "eq":
        return bool(value == other)
    if kind == "ne":
        return bool(value != other)
    return bool(value < other) if kind == "lt" else bool(value >= other)


def every_leaf() -> Iterator[Condition]:
    """Each comparison of each column with each value, alone and turned around."""
    for name, values in VALUES.items():
        kinds = ["eq", "ne", "same", "distinct"]
        kinds += ["lt", "ge"] * (name in _ORDERED)
        for kind, value in product(kinds, values):
            yield (kind, name, value)
            yield ("not", (kind, name, value))
        for several in ([], [values[1]], [None, values[1]], values):
            yield ("in", name, several)
            yield ("not in", name, several)
            yield ("not", ("in", name, several))
