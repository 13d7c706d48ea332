"""Statements of an action are told of as what they do to each record."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy import inspect as inspected
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from backoffice.admin import ActionContext, Admin, action
from tests.admin.conftest import BookAdmin, House
from tests.admin.extended import Extended
from tests.admin.history.changes import changes
from tests.admin.library import Author, Book, Tag

STATEMENTS: dict[str, Any] = {}
AUTHORS: Any = inspected(Author).local_table


@action("Do it")
async def do(_: Sequence[Book], context: ActionContext) -> None:
    statement, parameters = STATEMENTS["now"]
    session: Any = context.session
    if callable(statement):
        statement = statement(session.get_bind().dialect.name)
    if parameters is None:
        await session.exec(statement)
    else:
        await session.exec(statement, params=parameters)


class Shelf(BookAdmin):
    actions = (do,)


@pytest.fixture
def house(settings: None) -> Iterator[House]:
    with Extended(lambda auth: Admin(auth, models=[Author, Shelf, Tag])) as found:
        yield found


def upsert(dialect: str) -> Any:
    """Of a key that is taken and of one that is not."""
    made: Any = {"sqlite": sqlite, "postgresql": postgresql}[dialect].insert(Author)
    made = made.values([{"id": 1, "name": "Lady Ada"}, {"id": 77, "name": "Eve"}])
    return made.on_conflict_do_update(index_elements=["id"], set_={"name": made.excluded.name})


ADDED = ("add", "Eve")
CASES = {
    "update": (
        update(Author).where(col(Author.name) == "Ada").values(name="Eve"),
        None,
        [("change", "Eve")],
    ),
    "update of the table": (
        update(AUTHORS).where(AUTHORS.c.name == "Ada").values(name="Eve"),
        None,
        [("change", "Eve")],
    ),
    "update by keys": (update(Author), [{"id": 1, "name": "Eve"}], [("change", "Eve")]),
    "delete": (delete(Author).where(col(Author.name) == "Lin"), None, [("delete", "Lin")]),
    "insert": (insert(Author).values(name="Eve"), None, [ADDED]),
    "insert of the table": (insert(AUTHORS).values(name="Eve"), None, [ADDED]),
    "insert with its key": (insert(Author).values(id=9, name="Eve"), None, [ADDED]),
    "insert of several": (
        insert(Author),
        [{"name": "Eve"}, {"name": "Mia"}],
        [ADDED, ("add", "Mia")],
    ),
    "insert of several values": (
        insert(Author).values([{"name": "Eve"}, {"name": "Mia"}]),
        None,
        [ADDED, ("add", "Mia")],
    ),
    "insert from a select": (
        insert(Author).from_select(["name", "password_hash"], select(Tag.name, Tag.name)),
        None,
        [("add", "new"), ("add", "old")],
    ),
    "insert that returns": (insert(Author).values(name="Eve").returning(Author), None, [ADDED]),
    "insert of what may be there": (upsert, None, [ADDED, ("change", "Lady Ada")]),
    "text": (
        text("UPDATE library_author SET name = 'Eve' WHERE id = 1"),
        None,
        [("change", "Eve")],
    ),
    "text that adds": (
        text("INSERT INTO library_author (name, password_hash) VALUES ('Eve', '')"),
        None,
        [ADDED],
    ),
    "text that deletes": (
        text("DELETE FROM library_author WHERE name = 'Lin'"),
        None,
        [("delete", "Lin")],
    ),
}


def reset(house: House) -> None:
    """Three authors as they were, past the history."""

    async def done() -> None:
        async with house.services.database.session() as session:
            asked: Any = session
            await asked.exec(delete(Author).where(col(Author.id) > 2))
            await asked.exec(update(Author).where(col(Author.id) == 1).values(name="Ada"))
            session.add(Author(name="Lin"))
            await session.commit()

    house.call(done())


def test_each_record_that_a_statement_writes_is_told_of(stocked: House) -> None:
    who = stocked.signed_in("books:*")
    for name, (statement, parameters, expected) in CASES.items():
        reset(stocked)
        before = len(changes(stocked, "authors"))
        STATEMENTS["now"] = (statement, parameters)
        answer = stocked.send("/books/action", {"name": "do", "pks": "1"})
        assert answer.status_code == 303, (name, answer.text)
        found = changes(stocked, "authors")[before:]
        assert sorted((each.action, each.label) for each in found) == expected, name
        assert {each.actor for each in found} == {f"user:{who.id}"}, name
