"""References: the foreign keys that lead to a table, those too that only the database knows."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, text
from sqlalchemy import inspect as inspected
from sqlalchemy.exc import NoReferencedTableError
from sqlmodel.ext.asyncio.session import AsyncSession

#: For how long what the database said of itself is taken to hold; seconds.
FRESH = 60.0
_KNOWN = "backoffice_references"


@dataclass(frozen=True, eq=False)
class ForeignKey:
    """Columns of a table that refer to those of another, and what becomes of it with those."""

    table: Table
    columns: tuple[Column[Any], ...]
    referred_table: Table
    referred: tuple[Column[Any], ...]
    #: `CASCADE`, `SET NULL`, `SET DEFAULT`, or empty for what holds back.
    on_delete: str

    @property
    def name(self) -> tuple[str, ...]:
        """By which it is known again: its table and columns."""
        return (self.table.name, *sorted(each.name for each in self.columns))


def declared(metadata: MetaData) -> Iterator[ForeignKey]:
    """Those that the app's tables say."""
    for table in metadata.tables.values():
        for key in table.foreign_key_constraints:
            try:
                referred_table = key.referred_table
            except NoReferencedTableError:  # of a table that this app does not know
                continue
            columns = tuple(each.parent for each in key.elements)
            referred = tuple(each.column for each in key.elements)
            rule = (key.ondelete or "").upper()
            yield ForeignKey(table, columns, referred_table, referred, rule)


async def undeclared(
    session: AsyncSession, metadata: MetaData, others: Iterable[Table]
) -> list[ForeignKey]:
    """Those that the database has beside them, in the schema that it looks into by itself.

    `others` are tables that are known from elsewhere.
    """
    said = await _said(session)
    known = {each.name: each for each in (*others, *metadata.tables.values()) if not each.schema}
    names = {each.name for each in declared(metadata)}
    tables = known | {name: _bare(name, said) for name in said if name not in known}
    found = (_read(tables, name, key) for name, each in said.items() for key in each.keys)
    return [each for each in found if each is not None and each.name not in names]


@dataclass(frozen=True)
class _Said:
    """What the database says of a table."""

    keys: list[Any]
    primary: list[str]


async def _said(session: AsyncSession) -> Mapping[str, _Said]:
    """Asked for once in a while: a job asks with each record that it deletes."""
    # The sessions of a run have a class of their own, by which runs are told apart.
    run: Any = type(session.sync_session)
    at, said = run.__dict__.get(_KNOWN, (0.0, {}))
    if not said or time.monotonic() - at > FRESH:
        connection = await session.connection()
        said = await connection.run_sync(_asked)
        setattr(run, _KNOWN, (time.monotonic(), said))
    found: Mapping[str, _Said] = said
    return found


def _asked(connection: Connection) -> dict[str, _Said]:
    database = inspected(connection)
    found = {
        table[1]: _Said([], list(primary["constrained_columns"]))
        for table, primary in database.get_multi_pk_constraint().items()
        if primary is not None
    }
    for (_, name), keys in database.get_multi_foreign_keys().items():
        rules = _rules(connection, name) if connection.dialect.name == "sqlite" and keys else {}
        for each in keys:
            rule = each.get("options", {}).get("ondelete") or ""
            rule = rules.get(frozenset(each["constrained_columns"]), rule)
            found[name].keys.append({**each, "on_delete": rule.upper()})
    return found


def _rules(connection: Connection, table: str) -> dict[frozenset[str], str]:
    """Columns to what becomes of them: SQLAlchemy reads it of none that stands at its column."""
    query = text('SELECT id, "from", on_delete FROM pragma_foreign_key_list(:name)')
    rows = connection.execute(query, {"name": table}).all()
    columns: dict[int, set[str]] = defaultdict(set)
    for number, name, _ in rows:
        columns[number].add(name)
    return {frozenset(columns[number]): rule for number, _, rule in rows}


def _bare(name: str, said: Mapping[str, _Said]) -> Table:
    """A table of which no more is known than what refers, and is referred to."""
    own = {column for key in said[name].keys for column in key["constrained_columns"]}
    referred = {
        column
        for each in said.values()
        for key in each.keys
        if key["referred_table"] == name
        for column in key["referred_columns"]
    }
    primary = said[name].primary
    columns: Iterable[str] = dict.fromkeys([*primary, *sorted(own), *sorted(referred)])
    return Table(name, MetaData(), *(Column(each, primary_key=each in primary) for each in columns))


def _read(tables: Mapping[str, Table], name: str, key: Any) -> ForeignKey | None:
    table, other = tables[name], tables.get(key["referred_table"])
    own, referred = key["constrained_columns"], key["referred_columns"]
    if other is None or not (set(own) <= set(table.columns.keys())):
        return None
    if not set(referred) <= set(other.columns.keys()):
        return None
    return ForeignKey(
        table,
        tuple(table.columns[each] for each in own),
        other,
        tuple(other.columns[each] for each in referred),
        key["on_delete"],
    )
