"""A database that is none: it takes every statement, remembers it, and answers with no rows.

Revisions run against it as they would against a real one, transactions and all, so that what is
read is what would be sent. Alembic's own offline mode cannot do this: it has no connection, and
one revision in ten asks for it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, make_url
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool

from backoffice.migrations.lint.literals import literal
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema, qualified
from backoffice.migrations.lint.statements import split, tokens

#: More than any revision sends: one that asks until rows come would never end.
MOST_STATEMENTS = 20_000

_ANSWERS = {
    "version()": "PostgreSQL {0}.0",
    "server_version_num": "{0}0000",
    "server_version": "{0}.0",
    "current_schema": "public",
    "current_database": "database",
    "isolation level": "read committed",
}
_COUNTED = re.compile(r"\s*select\s+(count|exists|coalesce|max|min|sum)\b", re.IGNORECASE)
_ROWS = re.compile(r"\s*(select|with|show|values|table|pragma)\b|\breturning\b", re.IGNORECASE)
# One that begins within another is no more than a warning, and commits nothing.
_BEGIN = re.compile(r"(begin|start\s+transaction)\b", re.IGNORECASE)
_END = re.compile(r"(commit|end|rollback)\b(?!\s+to)", re.IGNORECASE)
_SAVEPOINT = re.compile(r"(savepoint|release|rollback\s+to)\b", re.IGNORECASE)

Heard = Callable[[str, int | None], None]


class EndlessError(Exception):
    """A revision goes on for ever where no rows are found."""


class Ear:
    """Hears what is sent to the database, and in which transaction."""

    def __init__(self, heard: Heard, major: int) -> None:
        self._heard = heard
        self._major = major
        self._statements = 0
        self.transaction = 0
        self.autocommit = False

    def hear(self, sql: str) -> None:
        """Take one statement, or several of one text."""
        self._statements += 1
        if self._statements > MOST_STATEMENTS:
            raise EndlessError(f"it sends more than {MOST_STATEMENTS:,} statements")
        for each in split(sql):
            self._hear(each)

    def _hear(self, sql: str) -> None:
        said = sql[next(tokens(sql)).start :]
        if _END.match(said):
            self.end()
        elif not (_BEGIN.match(said) or _SAVEPOINT.match(said)):
            self._heard(sql, None if self.autocommit else self.transaction)

    def end(self) -> None:
        """The transaction is over; what follows stands in another."""
        self.transaction += 1

    def answer(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of an answer: none, but for what every database knows."""
        lowered = sql.lower()
        for asked, told in _ANSWERS.items():
            if asked in lowered:
                return [(told.format(self._major),)]
        return [(0,)] if _COUNTED.match(sql) else []


class _Cursor:
    """What SQLAlchemy needs of a cursor."""

    arraysize = 1
    rowcount = 0
    lastrowid = 0

    def __init__(self, ear: Ear) -> None:
        self._ear = ear
        self.description: Sequence[tuple[Any, ...]] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, _: Any = None, *, columns: Sequence[str] = ()) -> None:
        self._ear.hear(sql)
        self.description = None
        if _ROWS.search(sql):
            names = columns or ("answer",)
            self.description = [(name, None, None, None, None, None, None) for name in names]
            self._rows = self._ear.answer(sql) if len(names) == 1 else []

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def fetchmany(self, _: int | None = None) -> list[tuple[Any, ...]]:
        return self.fetchall()

    def close(self) -> None:
        self._rows = []

    def __getattr__(self, name: str) -> Any:
        # What a driver has beyond the standard, such as COPY.
        raise AttributeError(f"there is no database behind this, so no {name}")


class _DatabaseAPI:
    """What SQLAlchemy needs of a driver's module."""

    paramstyle = "pyformat"
    sqlite_version_info = (3, 40, 0)

    class Error(Exception):
        pass

    InterfaceError = DatabaseError = DataError = OperationalError = IntegrityError = Error
    InternalError = ProgrammingError = NotSupportedError = Error


class _Driver:
    """A connection of that driver."""

    def __init__(self, ear: Ear) -> None:
        self.ear = ear

    def cursor(self, *_: Any, **__: Any) -> _Cursor:
        return _Cursor(self.ear)

    def commit(self) -> None:
        self.ear.end()

    def rollback(self) -> None:
        self.ear.end()

    def close(self) -> None:
        pass


#: Asks table by table, where PostgreSQL's dialect has one query for all.
_multi: Any = DefaultDialect


class _Deaf:
    """What both dialects do otherwise: they ask nothing, and know the tables from the history."""

    driver = "recording"
    supports_statement_cache = False
    default_schema_name = "public"
    default_isolation_level = "READ COMMITTED"
    use_insertmanyvalues = False
    insert_executemany_returning = False
    known: Schema

    def do_execute(self, cursor: Any, sql: str, parameters: Any, context: Any = None) -> None:
        compiled = getattr(context, "compiled", None)
        columns = [each[0] for each in getattr(compiled, "_result_columns", None) or ()]
        cursor.execute(written_out(sql, parameters, compiled is not None), columns=columns)

    def do_executemany(self, cursor: Any, sql: str, parameters: Any, context: Any = None) -> None:
        for each in parameters:
            self.do_execute(cursor, sql, each, context)

    def do_execute_no_params(self, cursor: Any, sql: str, _: Any = None) -> None:
        cursor.execute(sql)

    def get_isolation_level_values(self, _: Any) -> Sequence[str]:
        return ("AUTOCOMMIT", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")

    def get_isolation_level(self, driver: Any) -> str:
        return "AUTOCOMMIT" if driver.ear.autocommit else "READ COMMITTED"

    def set_isolation_level(self, driver: Any, level: str) -> None:
        driver.ear.autocommit = level == "AUTOCOMMIT"

    def has_table(self, _: Any, name: str, schema: str | None = None, **__: Any) -> bool:
        return self.known.has(name, schema)

    def has_type(self, _: Any, name: str, schema: str | None = None, **__: Any) -> bool:
        return qualified(name, schema) in self.known.enums

    def has_index(self, *_: Any, **__: Any) -> bool:
        return False

    def has_sequence(self, *_: Any, **__: Any) -> bool:
        return False

    def get_table_names(self, _: Any, schema: str | None = None, **__: Any) -> list[str]:
        return self.known.names(schema)

    def get_columns(self, _: Any, table: str, schema: str | None = None, **__: Any) -> list[Any]:
        from sqlalchemy.types import NullType

        return [
            {"name": name, "type": NullType(), "nullable": True, "default": None}
            for name in self.known.columns(table, schema) or ("id",)
        ]

    def get_multi_columns(self, *args: Any, **options: Any) -> Any:
        return _multi.get_multi_columns(self, *args, **options)

    def get_multi_pk_constraint(self, *args: Any, **options: Any) -> Any:
        return _multi.get_multi_pk_constraint(self, *args, **options)

    def _nothing_multi(self, *_: Any, **__: Any) -> dict[Any, Any]:
        return {}

    get_multi_indexes = get_multi_unique_constraints = get_multi_foreign_keys = _nothing_multi
    get_multi_check_constraints = get_multi_table_comment = get_multi_table_options = _nothing_multi

    def get_pk_constraint(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"constrained_columns": [], "name": None}

    def get_table_comment(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"text": None}

    def _none(self, *_: Any, **__: Any) -> list[Any]:
        return []

    get_view_names = get_schema_names = get_indexes = get_foreign_keys = _none
    get_unique_constraints = get_check_constraints = get_enums = get_domains = _none
    get_sequence_names = get_materialized_view_names = get_temp_table_names = _none


class _PostgreSQL(_Deaf, PGDialect):  # type: ignore[misc]  # what it does otherwise is the point
    pass


class _SQLite(_Deaf, SQLiteDialect):  # type: ignore[misc]
    default_schema_name = "main"


def written_out(sql: str, parameters: Any, compiled: bool) -> str:
    """The statement with its values in it."""
    if not compiled and not parameters:
        return sql
    values = parameters or {}
    if isinstance(values, Mapping):
        return sql % {name: literal(value) for name, value in values.items()}
    return sql % tuple(literal(value) for value in values)


@contextmanager
def recorded(target: Target, known: Schema, heard: Heard) -> Iterator[Connection]:
    """A connection to no database, every statement on which is passed to `heard`."""
    ear = Ear(heard, target.version[0])
    of: Any = _PostgreSQL if target.dialect == "postgresql" else _SQLite
    dialect = of(paramstyle="pyformat", dbapi=_DatabaseAPI)
    dialect.server_version_info = (*target.version, 0)[:2]
    dialect.known = known
    pool = StaticPool(lambda: _Driver(ear), reset_on_return=None)  # type: ignore[arg-type]
    engine = Engine(pool, dialect, make_url(f"{target.dialect}://"))
    with engine.connect() as connection:
        yield connection
