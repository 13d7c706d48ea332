"""Relations to several records: the first of them, never all of a relation that may be large."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect as inspected
from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import lazyload, with_parent
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.interfaces import ORMOption
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

#: A relation of more records than this is not edited by a list of all of them.
MOST_RELATED = 200
_EAGER = {"joined", "selectin", "subquery", "immediate", False}


async def load_relations(
    session: AsyncSession, records: Sequence[SQLModel], names: Sequence[str], most: int
) -> None:
    """Load the first of what each record is related to, at most one more than `most`.

    Two statements for each relation, however many records there are.
    """
    for name in names:
        missing = [each for each in records if name in inspected(each).unloaded]
        if missing:
            found = await _related(session, missing, name, most + 1)
            for record, related in zip(missing, found, strict=True):
                set_committed_value(record, name, related)


def forget_relations(session: AsyncSession, record: SQLModel) -> None:
    """Have all that it is related to go with a record: what was loaded may be the first of many."""
    loaded = set(inspected(type(record)).relationships.keys()) - inspected(record).unloaded
    if loaded:
        session.expire(record, loaded)


def unloaded(model: type[SQLModel]) -> list[ORMOption]:
    """What keeps a query from loading whole relations that the model would have loaded with it."""
    return [
        lazyload(getattr(model, each.key))
        for each in inspected(model).relationships
        if each.uselist and each.lazy in _EAGER
    ]


async def _related(
    session: AsyncSession, records: Sequence[SQLModel], name: str, limit: int
) -> list[list[Any]]:
    """For each of the records, in the order of their keys."""
    attribute = getattr(type(records[0]), name)
    # Any: the model of a relation is known when the app runs.
    related: Any = inspected(type(records[0])).relationships[name].mapper
    keys = list(related.primary_key)
    parts = [
        select(literal(number).label("backoffice_record"), *keys)
        .where(with_parent(record, attribute))
        .order_by(*keys)
        .limit(limit)
        .subquery()
        for number, record in enumerate(records)
    ]
    # Any: `exec` knows the queries of SQLModel alone, by type.
    asked: Any = session
    pairs = (await asked.exec(union_all(*(select(each) for each in parts)))).all()
    by_key = await _by_key(asked, related, {tuple(pair[1:]) for pair in pairs})
    found: list[list[Any]] = [[] for _ in records]
    for number, *key in pairs:
        if tuple(key) in by_key:
            found[number].append(by_key[tuple(key)])
    return found


async def _by_key(session: Any, related: Any, keys: set[tuple[Any, ...]]) -> dict[Any, Any]:
    if not keys:
        return {}
    # A relation to records of several keys is shown by no field.
    (column,) = related.primary_key
    query = select(related.class_).where(column.in_([key for (key,) in keys]))
    rows = await session.exec(query.options(*unloaded(related.class_)))
    return {inspected(each).identity: each for each in rows.scalars().unique()}
