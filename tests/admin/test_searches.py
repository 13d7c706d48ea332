"""What a search finds, and by which condition, so that an index can serve it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Index, create_engine, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel

from backoffice.admin import Admin, ModelAdmin
from backoffice.admin.searching import Lookup, meets, words_of
from backoffice.auth import Auth
from tests.admin.conftest import House, create_tables
from tests.auth.conftest import AppWithAccounts


class Archive(SQLModel, registry=registry()):
    """Tables of their own."""


class Publisher(Archive, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    note: str = ""


class Writer(Archive, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    publisher_id: int | None = Field(default=None, foreign_key="publisher.id")
    publisher: Publisher | None = Relationship()


class LetterTopic(Archive, table=True):
    letter_id: int = Field(foreign_key="letter.id", primary_key=True)
    topic_id: int = Field(foreign_key="topic.id", primary_key=True)


class Topic(Archive, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str


class Letter(Archive, table=True):
    id: int | None = Field(default=None, primary_key=True)
    number: str = Field(unique=True)
    subject: str
    place: str = ""
    text: str = ""
    writer_id: int = Field(foreign_key="writer.id", index=True)
    writer: Writer = Relationship()
    topics: list[Topic] = Relationship(link_model=LetterTopic)


TABLE: Any = Letter.__table__  # type: ignore[attr-defined]
Index("ix_letter_subject", func.lower(TABLE.c.subject))


class LetterAdmin(ModelAdmin):
    model = Letter
    list_display = ("number", "subject")
    search_fields = (
        "=number",
        "^subject",
        "writer__name",
        "=writer__publisher__name",
        "topics__name",
    )


class Reading(House):
    """An app with an archive."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        models = [LetterAdmin, Writer, Publisher, Topic]
        self.admin = Admin(self.auth, models=models)
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


def create_archive(url: str) -> None:
    create_tables(url)
    engine = create_engine(url.replace("+aiosqlite", ""))
    Archive.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def reading(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Reading]:
    """With two writers of two publishers, three letters, and a topic."""
    url = database_from_template("archive", create_archive)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    with Reading() as found:
        found.add(Publisher(name="North"), Publisher(name="South"), Topic(name="Weather"))
        found.add(Writer(name="Ada", publisher_id=1), Writer(name="Grace", publisher_id=2))
        found.add(
            Letter(number="A1", subject="Rain at last", writer_id=1),
            Letter(number="B2", subject="No rain", writer_id=2),
            Letter(number="Cc3", subject="100% snow_fall", writer_id=2),
        )
        found.add(LetterTopic(letter_id=3, topic_id=1))
        yield found


def found_by(house: House, query: str) -> list[str]:
    answer = house.client.get("/admin/letters", params={"q": query})
    assert answer.status_code == 200, answer.text
    return [each for each in ("A1", "B2", "Cc3") if f">{each}</a>" in answer.text]


SEARCHES = [
    ("a1", ["A1"]),
    ("ada", ["A1"]),
    ("1", ["Cc3"]),
    ("RAIN", ["A1"]),
    ("rain", ["A1"]),
    ("grace", ["B2", "Cc3"]),
    ("race", ["B2", "Cc3"]),
    ("south", ["B2", "Cc3"]),
    ("sout", []),
    ("weath", ["Cc3"]),
    ("grace weather", ["Cc3"]),
    ("ada weather", []),
    ('"rain at"', ["A1"]),
    ("100%", ["Cc3"]),
    ("1%", []),
    ("_", []),
    ("/", []),
    ("' OR 1=1 --", []),
]


def test_a_search_looks_into_what_was_asked_for(
    reading: Reading, subtests: pytest.Subtests
) -> None:
    """A whole value, how it begins, any part of it; over relationships; each word somewhere."""
    reading.signed_in("letters:view", "writers:view", "publishers:view", "topics:view")
    for query, expected in SEARCHES:
        with subtests.test(query):
            assert found_by(reading, query) == expected


def test_nothing_is_found_by_what_may_not_be_seen(reading: Reading) -> None:
    """A search by the name of a publisher would tell it."""
    reading.signed_in("letters:view", "writers:view")
    assert found_by(reading, "grace") == ["B2", "Cc3"]
    assert found_by(reading, "south") == []
    assert found_by(reading, "weather") == []


DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}


def statement(dialect: str, column: Any, lookup: Lookup, word: str) -> str:
    condition = meets(column, lookup, word, dialect)
    return str(condition.compile(dialect=DIALECTS[dialect].dialect()))


def test_the_condition_is_one_that_an_index_serves() -> None:
    """Over lower(column) if it is over that; else as the column is."""
    letter: Any = Letter
    for dialect in ("sqlite", "postgresql"):
        assert statement(dialect, letter.subject, "exact", "X").startswith("lower(")
        assert statement(dialect, letter.subject, "startswith", "X").startswith("lower(")
        assert " IN " in statement(dialect, letter.number, "exact", "X")
    assert statement("postgresql", letter.text, "contains", "x").startswith("letter.text ILIKE")
    assert statement("sqlite", letter.text, "contains", "x").startswith("letter.text LIKE")


def test_a_search_of_many_letters_uses_the_indexes(reading: Reading) -> None:
    """The database says so."""

    async def plan(condition: Any) -> str:
        async with reading.services.database.session() as session:
            connection = await session.connection()
            if reading.services.database.dialect == "postgresql":
                await connection.execute(text("SET enable_seqscan = off"))
                before = "EXPLAIN "
            else:
                before = "EXPLAIN QUERY PLAN "
            query = select(TABLE.c.id).where(condition)
            made = query.compile(connection.sync_engine, compile_kwargs={"literal_binds": True})
            rows = await connection.exec_driver_sql(before + str(made).replace("%%", "%"))
            return " ".join(str(each) for row in rows for each in row)

    letter: Any = Letter
    dialect = reading.services.database.dialect
    assert "ix_letter_subject" in reading.call(plan(meets(letter.subject, "exact", "x", dialect)))
    plans = reading.call(plan(meets(letter.number, "exact", "x", dialect)))
    assert "letter_number_key" in plans or "autoindex" in plans
    if dialect == "sqlite":
        begins = meets(letter.subject, "startswith", "x", dialect)
        assert "ix_letter_subject" in reading.call(plan(begins))


def test_words_in_quotes_are_one() -> None:
    assert words_of('rain "at last" now') == ["rain", "at last", "now"]
    assert words_of('"') == ['"']
    assert words_of(" \0 ") == []
    assert len(words_of("x " * 100)) == 10
