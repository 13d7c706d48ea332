"""What a database is asked for is what its history would have told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine

from backoffice.migrations.lint.grammar import parse
from backoffice.migrations.lint.knowledge import learn
from backoffice.migrations.lint.live import survey, target_of
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.lint.statements import split
from backoffice.migrations.lint.types import canonical
from tests.migrations.lint.measured import ROWS, SETUP
from tests.services.postgres import PostgresServer

#: A table that has grown since the database looked, one at which it has not looked, and one of
#: which it does not have the rows.
AGED = """
INSERT INTO part SELECT g, '2020-07-01' FROM generate_series(1, 300) g;
ALTER TABLE bare SET (autovacuum_enabled = false);
INSERT INTO bare SELECT g, g FROM generate_series(1001, 12000) g;
CREATE FOREIGN DATA WRAPPER far;
CREATE SERVER away FOREIGN DATA WRAPPER far;
CREATE FOREIGN TABLE afar (id integer CHECK (id > 0)) SERVER away;
"""


@pytest.fixture(scope="module")
def connection(postgres_server: PostgresServer) -> Iterator[Connection]:
    with postgres_server.database() as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            for statement in (*split(SETUP), *split(ROWS), *split(AGED)):
                connection.exec_driver_sql(statement)
            connection.commit()
            yield connection
        engine.dispose()


@pytest.fixture(scope="module")
def told() -> Schema:
    schema = Schema()
    for statement in split(SETUP):
        learn(schema, parse(statement))
    return schema


@pytest.fixture(scope="module")
def found(connection: Connection) -> Schema:
    return survey(connection)


def test_it_has_the_tables_and_columns_of_the_history(found: Schema, told: Schema) -> None:
    def columns(schema: Schema) -> dict[str, object]:
        return {
            name: {of: (canonical(each.type), each.nullable) for of, each in table.columns.items()}
            for name, table in schema.tables.items()
            if name not in ("kept", "seen", "part_1")  # their columns are those of others
        }

    assert columns(found) == columns(told)
    assert found.tables.keys() == told.tables.keys()


def test_it_has_the_constraints_of_the_history(found: Schema, told: Schema) -> None:
    def constraints(schema: Schema) -> dict[str, object]:
        return {
            name: (table.not_valid, table.not_null_checks)
            for name, table in schema.tables.items()
            if table.not_valid or table.not_null_checks
        }

    assert constraints(found) == constraints(told)
    assert found.references == told.references
    assert (found.parts, found.domains) == (told.parts, told.domains)
    assert told.indexes.items() <= found.indexes.items()
    assert found.enums == {"mood"}


def test_it_knows_how_many_rows_there_are(found: Schema) -> None:
    assert {name: found.sizes[name] for name in ("big", "part", "bare", "bare2")} == {
        "big": 500,
        "part": 800,
        "bare": 11_500,
        "bare2": 0,
    }


def test_a_table_that_somebody_holds_is_not_waited_for(connection: Connection) -> None:
    with connection.engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE loose")
        found = survey(connection)
    assert (found.sizes["loose"], found.sizes["part"]) == (500, 800)
    connection.rollback()


def test_a_table_that_may_not_be_looked_at_is_told_by_its_figures(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE ROLE passerby")
    connection.exec_driver_sql("GRANT SELECT ON part TO passerby")
    connection.exec_driver_sql("SET LOCAL ROLE passerby")
    found = survey(connection)
    connection.rollback()
    assert (found.sizes["loose"], found.sizes["part"]) == (500, 800)


def test_a_time_zone_that_is_not_utc_is_noticed(connection: Connection) -> None:
    assert survey(connection).utc is (
        connection.exec_driver_sql("SHOW timezone").scalar_one() in ("UTC", "Etc/UTC", "GMT")
    )
    connection.exec_driver_sql("SET TIME ZONE 'Europe/Berlin'")
    assert survey(connection).utc is False


def test_an_sqlite_database_is_asked_too(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    with engine.connect() as connection:
        for statement in (
            "CREATE TABLE book (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL)",
            "CREATE INDEX ix_name ON book (name)",
            "INSERT INTO book VALUES (1, 'a'), (2, 'b')",
        ):
            connection.exec_driver_sql(statement)
        found = survey(connection)
        assert target_of(connection).dialect == "sqlite"
    engine.dispose()
    assert (found.sizes, found.indexes) == ({"book": 2}, {"ix_name": "book"})
    assert found.column("book", "name").nullable is False
