"""What one test's engine has compiled serves the next test's."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, event, select, text
from sqlalchemy.sql import column, table

from tests.migrations.projects import sync_url
from tests.services.databases import Databases

BOOK = table("book", column("id"), column("title"))


@pytest.fixture
def engines(databases: Databases) -> Iterator[list[Engine]]:
    """Of two databases that each have a table of books."""
    with ExitStack() as lent:
        urls = [sync_url(lent.enter_context(databases.empty())) for _ in range(2)]
        found = [create_engine(each, poolclass=NullPool) for each in urls]
        for number, each in enumerate(found):
            with each.begin() as connection:
                connection.execute(text("CREATE TABLE book (id INTEGER, title VARCHAR(40))"))
                connection.execute(text(f"INSERT INTO book VALUES (1, 'of {number}')"))
        yield found
        for each in found:
            each.dispose()


def answer(engine: Engine) -> tuple[Any, str]:
    """What is found in the database, and what SQLAlchemy says of its cache."""
    told: list[str] = []
    event.listen(
        engine,
        "after_cursor_execute",
        lambda *given: told.append(given[4]._get_cache_stats().partition(" ")[0]),
    )
    with engine.connect() as connection:
        found = connection.scalar(select(BOOK.c.title).where(BOOK.c.id == 1))
    return found, told[-1]


def test_engines_of_a_kind_compile_once_and_each_asks_its_own_database(
    engines: list[Engine],
) -> None:
    answer(engines[0])
    (first, _), (second, stats) = (answer(each) for each in engines)
    assert (first, second) == ("of 0", "of 1")
    assert stats == "cached"


def test_dialects_that_were_made_otherwise_are_not_alike(engines: list[Engine]) -> None:
    one, other = (each.dialect for each in engines)
    assert one == other
    strange = create_engine(engines[0].url, poolclass=NullPool, json_serializer=str)
    with strange.connect():
        assert strange.dialect != one
    strange.dispose()
