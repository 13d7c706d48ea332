"""The revisions of the packages make exactly the tables that their models describe."""

import uuid
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, NullPool, create_engine, inspect, text
from sqlmodel import SQLModel

from backoffice.admin.history.models import Change
from backoffice.auth import models
from backoffice.migrations import status, upgrade
from tests.migrations.projects import sync_url


@pytest.fixture
def metadata() -> MetaData:
    """The packages' tables, without those that other tests add to the metadata that all share."""
    tables = MetaData()
    for table in SQLModel.metadata.sorted_tables:
        if table.name.startswith("backoffice_"):
            table.to_metadata(tables)
    assert models.User.__tablename__ in tables.tables
    assert Change.__tablename__ in tables.tables
    return tables


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(sync_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def description(connection: Connection) -> dict[str, Any]:
    """All that the database tells of its tables, with the names of constraints and indexes."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                {**each, "type": str(each["type"])} for each in inspector.get_columns(table)
            ],
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": by_name(inspector.get_foreign_keys(table)),
            "unique": by_name(inspector.get_unique_constraints(table)),
            "checks": by_name(inspector.get_check_constraints(table)),
            "indexes": by_name(inspector.get_indexes(table)),
        }
        for table in inspector.get_table_names()
        if table.startswith("backoffice_")
    }


def by_name(constraints: Any) -> list[Any]:
    return sorted(constraints, key=lambda each: str(each["name"]))


def test_alembic_finds_no_difference(
    database_url: str, connection: Connection, metadata: MetaData
) -> None:
    upgrade(database_url)
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_server_default": True,
            "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
        },
    )
    assert compare_metadata(context, metadata) == []


def test_the_database_describes_both_alike(
    database_url: str, connection: Connection, metadata: MetaData
) -> None:
    upgrade(database_url)
    migrated = description(connection)
    connection.rollback()
    metadata.drop_all(connection)
    metadata.create_all(connection)
    assert migrated == description(connection)
    assert len(migrated) == len(metadata.tables)


def test_tables_that_the_apps_own_create_all_made_are_taken_over(
    database_url: str, connection: Connection, metadata: MetaData
) -> None:
    metadata.create_all(connection)
    insert = "INSERT INTO backoffice_role (id, name, description) VALUES (:id, 'kept', '')"
    connection.execute(text(insert), {"id": uuid.uuid4().hex})
    connection.commit()
    upgrade(database_url)
    assert not any(standing.pending for standing in status(database_url))
    assert connection.execute(text("SELECT name FROM backoffice_role")).scalar() == "kept"


def test_grants_are_kept_and_those_for_a_while_never_become_endless(
    database_url: str, connection: Connection
) -> None:
    upgrade(database_url)
    revision = import_module("backoffice.auth.migrations.versions.auth_0005_grants")
    ids = {name: uuid.uuid4().hex for name in ("user", "kept", "other")}
    held = "SELECT role_id, scope, expires_at FROM backoffice_user_role"
    with Operations.context(MigrationContext.configure(connection)):
        revision.downgrade()
        columns = inspect(connection).get_columns("backoffice_user_role")
        assert [each["name"] for each in columns] == ["user_id", "role_id"]
        for statement in (
            "INSERT INTO backoffice_user (id, email, hashed_password, is_active, is_superuser, "
            "is_verified, created_at, password_changed_at) VALUES (:user, 'a@example.com', '!', "
            "true, false, true, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
            "INSERT INTO backoffice_role (id, name, description) VALUES (:kept, 'kept', '')",
            "INSERT INTO backoffice_role (id, name, description) VALUES (:other, 'other', '')",
            "INSERT INTO backoffice_user_role (user_id, role_id) VALUES (:user, :kept)",
        ):
            connection.execute(text(statement), ids)
        revision.upgrade()
        [row] = connection.execute(text(held)).all()
        assert (str(row[0]).replace("-", ""), *row[1:]) == (ids["kept"], "", None)
        brief = "INSERT INTO backoffice_user_role (user_id, role_id, expires_at) VALUES "
        connection.execute(text(f"{brief}(:user, :other, CURRENT_TIMESTAMP)"), ids)
        revision.downgrade()
    assert connection.execute(text("SELECT count(*) FROM backoffice_user_role")).scalar() == 1
