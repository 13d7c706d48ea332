"""The revision of the outbox, whatever the database has been before."""

import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, NullPool, create_engine, inspect, text

from backoffice.auth import migrations as auth_migrations
from backoffice.core.mail import OutgoingMail
from backoffice.migrations import PackageHistory, upgrade
from tests.migrations.projects import sync_url

TABLE = "backoffice_mail"
ROW = text(
    f"INSERT INTO {TABLE} (id, template, recipient, state, attempts, created_at, due_at, error)"
    " VALUES ('one', '', 'ann@example.org', 'waiting', 0, '2030-01-01 00:00:00+00:00',"
    " '2030-01-01 00:00:00+00:00', '')"
)


@pytest.fixture
def metadata() -> MetaData:
    tables = MetaData()
    OutgoingMail.__table__.to_metadata(tables)  # type: ignore[attr-defined]
    return tables


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(sync_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def differences(connection: Connection, metadata: MetaData) -> object:
    opts = {"include_name": lambda name, kind, _: kind != "table" or name == TABLE}
    return compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)


def test_it_comes_to_a_database_that_had_the_tables_of_accounts_alone(
    database_url: str, connection: Connection, metadata: MetaData, tmp_path: Path
) -> None:
    former = tmp_path / "auth"
    shutil.copytree(Path(str(auth_migrations.__file__)).parent, former)
    for each in (former / "versions").glob("auth_*"):
        if each.name >= "auth_0003":
            each.unlink()
    upgrade(database_url, histories=[PackageHistory("auth", former)])
    assert not inspect(connection).has_table(TABLE)
    connection.rollback()
    assert "core_0001" in [each.revision for each in upgrade(database_url)]
    assert differences(connection, metadata) == []


def test_it_takes_over_the_table_that_an_app_has_made_by_itself(
    database_url: str, connection: Connection, metadata: MetaData
) -> None:
    metadata.create_all(connection)
    connection.execute(ROW)
    connection.commit()
    upgrade(database_url)
    assert differences(connection, metadata) == []
    assert connection.execute(text(f"SELECT id FROM {TABLE}")).scalars().all() == ["one"]


def test_it_can_be_taken_back_and_made_again(
    database_url: str, connection: Connection, metadata: MetaData
) -> None:
    upgrade(database_url)
    revision = import_module("backoffice.core.migrations.versions.core_0001_outbox")
    with Operations.context(MigrationContext.configure(connection)):
        revision.downgrade()
        assert not inspect(connection).has_table(TABLE)
        revision.upgrade()
    assert differences(connection, metadata) == []
