"""Our tables refer to the app's own, by keys of its type, whatever has made them before."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    NullPool,
    String,
    Table,
    Uuid,
    create_engine,
    inspect,
    text,
)
from sqlmodel import SQLModel

from backoffice.core import SetupError
from backoffice.migrations import status, upgrade
from backoffice.migrations.errors import RevisionFailed
from notes.before import fill
from tests.migrations.projects import sync_url

REFERRING = {
    "account",
    "user_role",
    "user_permission",
    "session",
    "api_key",
    "link_token",
}


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(sync_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def referring(connection: Connection) -> dict[str, tuple[str, str, str]]:
    """Our tables, and the table, the column and the rule that `user_id` of each refers by."""
    inspector = inspect(connection)
    return {
        name.removeprefix("backoffice_"): (
            each["referred_table"],
            each["referred_columns"][0],
            each["options"]["ondelete"],
        )
        for name in inspector.get_table_names()
        if name.startswith("backoffice_")
        for each in inspector.get_foreign_keys(name)
        if each["constrained_columns"] == ["user_id"]
    }


def made(connection: Connection, kind: Any, name: str = "members", key: str = "number") -> None:
    """An app's table of users."""
    table = Table(
        name,
        MetaData(),
        Column(key, kind, primary_key=True),
        Column("mail", String(200), unique=True, nullable=False),
        Column("active", Boolean, nullable=False),
    )
    table.create(connection)
    connection.commit()


@pytest.mark.parametrize("kind", [Integer(), BigInteger(), Uuid()])
def test_every_foreign_key_is_of_the_type_of_the_apps_key(
    database_url: str, connection: Connection, kind: Any
) -> None:
    made(connection, kind)
    upgrade(database_url, user_table="members")
    assert referring(connection) == dict.fromkeys(REFERRING, ("members", "number", "CASCADE"))
    inspector = inspect(connection)
    key = str(inspector.get_columns("members")[0]["type"])
    for name in (*REFERRING, "revocation", "link_request"):
        columns = inspector.get_columns(f"backoffice_{name}")
        assert [str(each["type"]) for each in columns if each["name"] == "user_id"] == [key]
    assert not inspector.has_table("backoffice_user")
    assert upgrade(database_url, user_table="members") == []


def test_the_setting_names_the_table(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(connection, Integer())
    monkeypatch.setenv("BACKOFFICE_MIGRATIONS__USER_TABLE", "members")
    upgrade(database_url)
    assert referring(connection)["session"][0] == "members"


def test_the_project_names_the_table(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made(connection, Integer())
    (tmp_path / "pyproject.toml").write_text('[tool.backoffice]\nuser_table = "members"\n')
    monkeypatch.chdir(tmp_path)
    upgrade(database_url)
    assert referring(connection)["session"][0] == "members"


def test_a_table_that_is_not_there_is_asked_for(database_url: str) -> None:
    with pytest.raises(SetupError, match="no table members yet"):
        upgrade(database_url, user_table="members")
    assert [each.state for each in status(database_url) if each.history == "auth"] == ["pending"]


def test_a_key_of_another_kind_is_refused(database_url: str, connection: Connection) -> None:
    made(connection, String(20))
    with pytest.raises(SetupError, match="UUID or an integer"):
        upgrade(database_url, user_table="members")


def test_empty_tables_that_create_all_has_made_are_made_anew(
    database_url: str, connection: Connection
) -> None:
    fill(database_url)
    create_all(connection)
    upgrade(database_url, user_table="user")
    assert {each[0] for each in referring(connection).values()} == {"user"}


def test_tables_with_rows_are_left_alone(database_url: str, connection: Connection) -> None:
    fill(database_url)
    create_all(connection)
    insert = "INSERT INTO backoffice_revocation (number, at) VALUES (1, CURRENT_TIMESTAMP)"
    connection.execute(text(insert))
    connection.commit()
    with pytest.raises(RevisionFailed, match="backoffice_revocation has rows"):
        upgrade(database_url, user_table="user")
    assert referring(connection)["session"][0] == "backoffice_user"
    assert connection.execute(text("SELECT count(*) FROM backoffice_revocation")).scalar() == 1


def create_all(connection: Connection) -> None:
    names = [
        each for each in SQLModel.metadata.sorted_tables if each.name.startswith("backoffice_")
    ]
    SQLModel.metadata.create_all(connection, tables=names)
    connection.commit()


def test_who_goes_takes_their_rows_along(database_url: str, connection: Connection) -> None:
    fill(database_url)
    upgrade(database_url, user_table="user")
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA foreign_keys = ON"))
    role = {"id": uuid.uuid4().hex}
    insert = "INSERT INTO backoffice_role (id, name, description) VALUES (:id, 'a', '')"
    connection.execute(text(insert), role)
    insert = "INSERT INTO backoffice_user_role (user_id, role_id) VALUES (1, :id)"
    connection.execute(text(insert), role)
    connection.execute(text("INSERT INTO backoffice_account (user_id) VALUES (1)"))
    connection.execute(text('DELETE FROM "user" WHERE id = 1'))
    for name in ("user_role", "account"):
        assert connection.execute(text(f"SELECT count(*) FROM backoffice_{name}")).scalar() == 0
