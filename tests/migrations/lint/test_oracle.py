"""What locks.py says of a statement is what PostgreSQL does: asked of a live one, by pg_locks,
pg_relation_filenode and the rows that were read."""

from collections import defaultdict
from collections.abc import Iterator
from threading import Thread
from typing import NamedTuple

import psycopg
import pytest

from backoffice.migrations.lint.grammar import parse
from backoffice.migrations.lint.knowledge import learn
from backoffice.migrations.lint.locks import Lock, effects
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.lint.statements import split
from tests.migrations.lint.measured import ROWS, SETUP, STATEMENTS
from tests.services.postgres import PostgresServer


class Measured(NamedTuple):
    """What happened to one table."""

    lock: Lock
    scan: bool
    rewrite: bool


@pytest.fixture(scope="module")
def connection(postgres_server: PostgresServer) -> Iterator[psycopg.Connection]:
    with postgres_server.database() as url:
        address = url.replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in (*split(SETUP), *split(ROWS)):
                connection.execute(statement)
        with psycopg.connect(address, options="-c timezone=Europe/Berlin") as connection:
            yield connection


@pytest.fixture(scope="module")
def known() -> Schema:
    schema = Schema()
    for statement in split(SETUP):
        learn(schema, parse(statement))
    return schema


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_does_what_is_said_of_it(
    statement: str, connection: psycopg.Connection, known: Schema
) -> None:
    version = (connection.info.server_version // 10000,)
    assert said(statement, version, known) == measured(connection, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY ix_c ON big (t)",
        "DROP INDEX CONCURRENTLY ix_n",
        "REINDEX TABLE CONCURRENTLY big",
    ],
)
def test_a_concurrent_statement_does_too(
    statement: str, connection: psycopg.Connection, known: Schema
) -> None:
    connection.rollback()
    connection.execute("UPDATE big SET nul = 1 WHERE id = 1")  # which the statement waits for
    with psycopg.connect(connection.info.dsn, password=connection.info.password) as other:
        other.autocommit = True
        working = Thread(target=other.execute, args=[statement])
        working.start()
        held = _held(connection, other.info.backend_pid)
        connection.rollback()
        working.join()
    connection.execute("DROP INDEX IF EXISTS ix_c")
    connection.execute("CREATE INDEX IF NOT EXISTS ix_n ON big (n)")
    connection.commit()
    (effect,) = effects(statement, Target(), known)
    assert (effect.table, effect.lock) == ("big", held)


def _held(connection: psycopg.Connection, pid: int) -> Lock:
    """The strongest lock that this process has on the table, once it has one."""
    asked = "SELECT mode FROM pg_locks WHERE pid = %s AND relation = 'big'::regclass AND granted"
    while not (modes := connection.execute(asked, [pid]).fetchall()):
        pass
    return max(MODES[mode] for (mode,) in modes)


def said(statement: str, version: tuple[int, ...], known: Schema) -> dict[str, Measured]:
    """What locks.py knows, one line for each table."""
    found: dict[str, Measured] = defaultdict(lambda: Measured(Lock.NONE, False, False))
    for each in effects(statement, Target("postgresql", version), known):
        before = found[each.table]
        found[each.table] = Measured(
            max(before.lock, each.lock), before.scan or each.scan, before.rewrite or each.rewrite
        )
    return _blocking({name: each for name, each in found.items() if name in known.tables})


def measured(connection: psycopg.Connection, statement: str) -> dict[str, Measured]:
    """What the statement does, and is undone for."""
    connection.rollback()
    tables: dict[int, str] = dict(connection.execute(TABLES).fetchall())
    before: dict[int, int] = dict(connection.execute(FILES, [list(tables)]).fetchall())
    # Of transactions before this one too, until the server has taken them over.
    seen: dict[int, int] = dict(connection.execute(READ, [list(tables)]).fetchall())
    connection.execute(statement)
    locks = connection.execute(LOCKS, [list(tables)]).fetchall()
    after: dict[int, int] = dict(connection.execute(FILES, [list(tables)]).fetchall())
    read: dict[int, int] = dict(connection.execute(READ, [list(tables)]).fetchall())
    connection.rollback()
    held: dict[int, Lock] = defaultdict(lambda: Lock.NONE)
    for table, mode in locks:
        held[table] = max(held[table], MODES[mode])
    emptied = statement.startswith("TRUNCATE")  # a new file, but nothing that is written anew
    return _blocking(
        {
            tables[oid]: Measured(
                lock,
                read[oid] > seen[oid],
                not emptied and oid in after and before[oid] != after[oid],
            )
            for oid, lock in held.items()
        }
    )


def _blocking(found: dict[str, Measured]) -> dict[str, Measured]:
    """Without mere readers; what a writer reads is the planner's choice."""
    return {
        name: each if each.lock > Lock.ROW_EXCLUSIVE else Measured(each.lock, False, False)
        for name, each in found.items()
        if each.lock > Lock.ROW_SHARE
    }


MODES = {f"{each.name.title().replace('_', '')}Lock": each for each in Lock}
TABLES = """SELECT oid::int8, relname FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'v')"""
FILES = "SELECT oid::int8, pg_relation_filenode(oid) FROM pg_class WHERE oid = ANY (%s)"
LOCKS = """SELECT relation::int8, mode FROM pg_locks
  WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = ANY (%s)"""
READ = """SELECT oid::int8, pg_stat_get_xact_tuples_returned(oid::oid)
  FROM unnest(%s::int8[]) AS oid"""
