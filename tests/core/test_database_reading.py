"""A database that is opened for reading only: nobody writes to it, and nobody need be let."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backoffice.core import Database, Unavailable

NOBODY = 65534

pytestmark = pytest.mark.anyio


def fill(url: str) -> None:
    engine = create_engine(url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE book (title text)"))
        connection.execute(text("INSERT INTO book VALUES ('Dune')"))
    engine.dispose()


async def titles(database: Database) -> list[str]:
    async with database.session() as session:
        found = await (await session.connection()).execute(text("SELECT title FROM book"))
        return [title for (title,) in found]


async def emptied(database: Database) -> None:
    async with database.session() as session:
        await (await session.connection()).execute(text("DELETE FROM book"))
        await session.commit()


async def test_it_is_read_and_refuses_to_be_written_to(database_url: str) -> None:
    fill(database_url)
    database = Database(database_url)
    database.only_read()
    with pytest.raises(Unavailable):
        await emptied(database)
    assert await titles(database) == ["Dune"]
    await database.close()


@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_a_file_is_read_by_who_may_write_neither_to_it_nor_beside_it(
    tmp_path: Path, mode: str
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    file = folder / "books #1 100%.db"
    fill(f"sqlite:///{file}")
    with_mode = create_engine(f"sqlite:///{file}")
    with with_mode.connect() as connection:
        connection.execute(text(f"PRAGMA journal_mode = {mode}"))
    with_mode.dispose()
    with only_readable(folder, file):
        database = Database(f"sqlite:///{file}")
        database.only_read()
        assert await titles(database) == ["Dune"]
        await database.close()
    assert names(folder) == [file.name]


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/none.db")
    database.only_read()
    with pytest.raises(Unavailable):
        await database.ping()
    await database.close()
    assert names(tmp_path) == []


@contextmanager
def only_readable(folder: Path, file: Path) -> Iterator[None]:
    """Also for root, who may write to everything, and so is nobody for a while."""
    file.chmod(0o444)
    folder.chmod(0o555)
    for each in folder.parents:
        if each.stat().st_uid == os.geteuid() and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)
    root = os.geteuid() == 0
    if root:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)
        folder.chmod(0o755)


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]
