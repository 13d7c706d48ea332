"""What the engines write into logs, at the lowest level: statements, and no value of any."""

import logging
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backoffice.core import Database

VALUE = {"words": "a value"}
CREATE = text("CREATE TABLE notes (words TEXT)")
INSERT = text("INSERT INTO notes VALUES (:words)")
SELECT = text("SELECT words FROM notes")


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "sqlalchemy.engine", "aiosqlite"):
        caplog.set_level(logging.DEBUG, name)


@pytest.mark.anyio
async def test_neither_parameters_nor_rows_are_logged(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(database_url)
    async with database.engine.begin() as connection:
        await connection.execute(CREATE)
        await connection.execute(INSERT, VALUE)
        assert (await connection.execute(SELECT)).all() == [("a value",)]
    with database.sync_engine.begin() as synchronous:
        synchronous.execute(INSERT, VALUE)
        assert len(synchronous.execute(SELECT).all()) == 2
    await database.close()
    assert "INSERT INTO notes" in caplog.text
    assert "a value" not in caplog.text


@pytest.mark.anyio
async def test_other_engines_of_the_app_log_as_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await Database(f"sqlite:///{tmp_path}/ours.db").close()
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT :words"), VALUE).all()
    engine.dispose()
    assert "Row ('a value',)" in caplog.text
