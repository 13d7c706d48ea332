"""Cascades: what goes with a record, what loses its reference to it, and what holds it back.

Worked out before anything is done, from what the models and the database say: the cascades of
relationships as SQLAlchemy's session follows them, and those of foreign keys as the database does.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    case,
    exists,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin.references import ForeignKey, declared, undeclared

Effect = Literal["goes", "emptied", "stops"]

#: Levels of cascades that are followed; what lies deeper is left to the database.
MOST_LEVELS = 12
#: Rows of a level that are remembered by their keys.
MOST_TOLD_APART = 2_000


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one table that a deletion reaches by one of its foreign keys."""

    table: Table
    effect: Effect
    #: The columns that refer to what goes; none for rows that others refer to.
    columns: tuple[str, ...]
    condition: ColumnElement[bool]
    #: The class whose cascades the session follows on; None where the database deletes.
    mapper: Mapper[Any] | None = None
    #: Whether it is a link between two records, and nothing of its own.
    is_link: bool = False


class Reach:
    """How far the deletion of some records of a class goes."""

    def __init__(
        self,
        mapper: Mapper[Any],
        chosen: ColumnElement[bool],
        others: Sequence[Table] | None = None,
    ) -> None:
        """`others` are tables that may be referred from; None not to ask the database for any."""
        table: Any = mapper.local_table
        self._start = Rows(table, "goes", (), chosen, mapper)
        self._others = others
        #: Table to the foreign keys that refer to it.
        self._referring: dict[Table, list[ForeignKey]] = defaultdict(list)
        self.rows: list[Rows] = []

    async def explore(self, session: AsyncSession) -> "Reach":
        """Find all the rows; those that there are none of are left out."""
        metadata = self._start.table.metadata
        keys = [*declared(metadata)]
        if self._others is not None:
            keys += await undeclared(session, metadata, self._others)
        for key in keys:
            self._referring[key.referred_table].append(key)
        level, seen = [self._start], _Seen(session)
        for _ in range(MOST_LEVELS):
            following: list[Rows] = []
            for gone in level:
                for each in self._next(gone):
                    if not await _any(session, each):
                        continue
                    self.rows.append(each)
                    if each.effect == "goes" and not each.is_link:
                        following += await seen.anew(each)
            if not (level := following):
                break
        return self

    def tables(self, *effects: Effect) -> Iterator[tuple[Table, Rows, ColumnElement[bool]]]:
        """Table, one way to its rows, and the condition of those rows that no other effect has."""
        if "goes" in effects:
            for table, found in self._going().items():
                chosen = self._start.condition if table is self._start.table else None
                condition = or_(*(each.condition for each in found))
                yield table, found[0], condition if chosen is None else _but(condition, chosen)
        for each in self.rows:
            if each.effect in effects and each.effect != "goes":
                going = [other.condition for other in self._going().get(each.table, ())]
                if each.table is self._start.table:
                    going.append(self._start.condition)
                left = _but(each.condition, or_(*going)) if going else each.condition
                yield each.table, each, left

    def _going(self) -> dict[Table, list[Rows]]:
        found: dict[Table, list[Rows]] = defaultdict(list)
        for each in self.rows:
            if each.effect == "goes":
                found[each.table].append(each)
        return found

    def _next(self, gone: Rows) -> Iterator[Rows]:
        for key in self._referring.get(gone.table, ()):
            relation = _relation_by(gone.mapper, key)
            yield _reached(gone, key, relation)
        yield from _owned(gone)


class _Seen:
    """The rows that were come to; a circle of references comes to them again and again."""

    def __init__(self, session: AsyncSession) -> None:
        # Any: `exec` knows the queries of SQLModel alone, by type.
        self._session: Any = session
        self._keys: dict[Table, set[tuple[Any, ...]]] = defaultdict(set)

    async def anew(self, rows: Rows) -> list[Rows]:
        """Those of the rows that are new; all of them where they are too many to be told apart."""
        columns = list(rows.table.primary_key.columns)
        if not columns:
            return [rows]
        query = select(*columns).where(rows.condition).limit(MOST_TOLD_APART + 1)
        found = {tuple(each) for each in (await self._session.exec(query)).all()}
        if len(found) > MOST_TOLD_APART:
            return [rows]
        new = found - self._keys[rows.table]
        self._keys[rows.table] |= new
        if not new:
            return []
        one = len(columns) == 1
        keys = [each[0] for each in new] if one else list(new)
        within = columns[0].in_(keys) if one else tuple_(*columns).in_(keys)
        return [replace(rows, condition=within)]


def _reached(gone: Rows, key: ForeignKey, relation: RelationshipProperty[Any] | None) -> Rows:
    columns = key.columns
    condition = _among(columns, select(*key.referred).where(gone.condition))
    names = tuple(each.name for each in columns)
    is_link = relation is not None and relation.secondary is key.table
    if relation is not None and (relation.cascade.delete or is_link):
        mapper = None if is_link else relation.mapper
        return Rows(key.table, "goes", names, condition, mapper, is_link)
    rule = "SET NULL" if relation is not None else key.on_delete
    if rule == "CASCADE":
        return Rows(key.table, "goes", names, condition, None, _links(key.table))
    is_kept = rule == "SET DEFAULT" or (
        rule == "SET NULL" and all(each.nullable and not each.primary_key for each in columns)
    )
    return Rows(key.table, "emptied" if is_kept else "stops", names, condition)


def _relation_by(mapper: Mapper[Any] | None, key: ForeignKey) -> RelationshipProperty[Any] | None:
    """The relationship by which the session itself changes what refers; the database else."""
    if mapper is None:
        return None
    columns = set(key.columns)
    found = [each for each in mapper.relationships if _is_followed(each, key.table, columns)]
    return next((each for each in found if each.cascade.delete), found[0] if found else None)


def _is_followed(each: RelationshipProperty[Any], table: Table, columns: set[Any]) -> bool:
    if each.viewonly or each.passive_deletes:  # The database does it: nothing is loaded here.
        return False
    if each.direction is RelationshipDirection.MANYTOMANY:
        return each.secondary is table and {pair[1] for pair in each.synchronize_pairs} == columns
    return each.direction is RelationshipDirection.ONETOMANY and set(each.remote_side) == columns


def _owned(gone: Rows) -> Iterator[Rows]:
    """What goes because the record that refers to it goes: a cascade the other way."""
    for each in gone.mapper.relationships if gone.mapper is not None else ():
        table = each.mapper.local_table
        owns = each.direction is RelationshipDirection.MANYTOONE and each.cascade.delete
        if owns and isinstance(table, Table) and not each.viewonly:
            pairs = each.local_remote_pairs or ()
            referred = select(*(local for local, _ in pairs)).where(gone.condition)
            condition = _among([remote for _, remote in pairs], referred)
            yield Rows(table, "goes", (), condition, each.mapper)


def _links(table: Table) -> bool:
    """Whether the table holds pairs of references, and nothing else."""
    return len(table.foreign_key_constraints) > 1 and all(
        each.foreign_keys for each in table.columns
    )


def _among(columns: Sequence[ColumnElement[Any]], query: Select[Any]) -> ColumnElement[bool]:
    # Each level of a table that refers to itself is a question of its own.
    within = query.correlate(None)
    return columns[0].in_(within) if len(columns) == 1 else tuple_(*columns).in_(within)


def _but(condition: ColumnElement[bool], other: ColumnElement[bool]) -> ColumnElement[bool]:
    """A condition that holds where the other does not, which may be neither true nor false."""
    return and_(condition, case((other, 1), else_=0) == 0)


async def _any(session: AsyncSession, rows: Rows) -> bool:
    # Any: `exec` knows the queries of SQLModel alone, by type.
    asked: Any = session
    query = select(exists().where(rows.condition).select_from(rows.table))
    return bool((await asked.exec(query)).scalar_one())


def outside(
    condition: ColumnElement[bool], keys: Sequence[ColumnElement[Any]], permitted: Select[Any]
) -> ColumnElement[bool]:
    """The condition of rows that are not among those that somebody is permitted."""
    return and_(condition, not_(_among(keys, permitted)))
