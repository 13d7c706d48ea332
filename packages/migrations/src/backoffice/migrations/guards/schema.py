"""What a database holds, piece by piece in words, so that two of them can be compared."""

import re
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, inspect, text

from backoffice.migrations.guards.catalogue import CHECKED, POSTGRESQL, SQLITE
from backoffice.migrations.histories import VERSION_TABLES

#: Each piece (`column book.title`) with what it is (`varchar(40), not null`).
Schema = Mapping[str, str]

_OURS = re.compile(
    rf"alembic_version|{VERSION_TABLES}\w+|backoffice_batches|backoffice_migration_journal"
)

_TEXT = r"'(?:[^']|'')*'"
_VARCHAR = rf"{_TEXT}::character varying"


def schema_of(connection: Connection) -> Schema:
    """All pieces of a database, but for what only says how far it has come."""
    found = _postgresql(connection) if _is_postgresql(connection) else _sqlite(connection)
    return {name: told for name, told in found if not _OURS.match(name.partition(" ")[2])}


def without(schema: Schema, table: str) -> Schema:
    """All but a table and what is part of it, in whichever schema it is."""
    about = re.compile(rf"\w+ (\w+\.)?{re.escape(table)}(\.|$)")
    return {piece: told for piece, told in schema.items() if not about.match(piece)}


def tables_of(schema: Schema) -> set[str]:
    """The names of the tables."""
    return {name.removeprefix("table ") for name in schema if name.startswith("table ")}


def differences(wanted: Schema, found: Schema, *, only: set[str] | None = None) -> list[str]:
    """What tells the second from the first; about the tables `only`, where they are given."""
    told = []
    for piece in sorted(wanted.keys() | found.keys()):
        if only is not None and not _about(piece, only):
            continue
        if piece not in found:
            told.append(f"{piece} is missing")
        elif piece not in wanted:
            told.append(f"{piece} is there too")
        elif wanted[piece] != found[piece]:
            told.append(f"{piece} is `{found[piece]}` instead of `{wanted[piece]}`")
    return _without_parts(told, wanted, found)


def _about(piece: str, tables: set[str]) -> bool:
    kind, _, name = piece.partition(" ")
    if kind == "table":
        return name in tables
    return kind == "enum" or (
        kind in ("column", "constraint") and name.rpartition(".")[0] in tables
    )


def _without_parts(told: list[str], wanted: Schema, found: Schema) -> list[str]:
    """A table that is there or is not takes its columns along."""
    whole = tables_of(wanted) ^ tables_of(found)
    return [
        each
        for each in told
        if each.startswith("table ") or each.split(" ")[1].rpartition(".")[0] not in whole
    ]


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _postgresql(connection: Connection) -> Iterator[tuple[str, str]]:
    for kind, query in POSTGRESQL.items():
        for name, told in connection.execute(text(query.replace(":", "\\:"))):
            plain = _cast_once(told or "") if kind in ("constraint", "index") else told or ""
            yield f"{kind} {name}", plain


def _cast_once(sql: str) -> str:
    """`IN` as it was given first: what PostgreSQL says of it, given again as a dump does, is told
    in other words from then on."""
    plain = re.sub(rf"\(({_TEXT})::character varying\)::text", r"\1::text", sql)
    return re.sub(
        rf"\(\(?ARRAY\[({_VARCHAR}(?:, {_VARCHAR})*)\]\)?::text\[\]\)",
        lambda found: f"(ARRAY[{found[1].replace('::character varying', '::text')}])",
        plain,
    )


def _sqlite(connection: Connection) -> Iterator[tuple[str, str]]:
    for kind, query in SQLITE.items():
        for name, told in connection.execute(text(query)):
            yield f"{kind} {name}", _plain(told or "")
    inspector = inspect(connection)
    for table in connection.scalars(text(CHECKED)):
        for check in inspector.get_check_constraints(table):
            told = _plain(check["sqltext"])
            yield f"constraint {table}.check:{told.replace(' ', '_')}", told


def _plain(sql: str) -> str:
    """The statement without what makes no difference: quotes, blanks, capitals."""
    bare = re.sub(r"[\"`\[\]]|if not exists ", "", sql, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", bare).strip()
