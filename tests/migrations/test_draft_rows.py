"""A column that must have a value comes with one, or not at all."""

import pytest

from backoffice.core import InvalidInput
from backoffice.migrations.drafts.wishes import backfills
from tests.migrations.drafting import Desk

BOOK = """
class Book(Model, table=True):
    id: int = Field(primary_key=True)
    title: str | None = None
    {column}
"""


@pytest.fixture
def books(desk: Desk) -> Desk:
    desk.models(BOOK.format(column=""))
    desk.up()
    desk.look.execute("INSERT INTO book VALUES (1, 'X'), (2, NULL)")
    return desk


def test_without_a_value_for_the_rows_it_is_refused_with_what_to_type(books: Desk) -> None:
    books.models(BOOK.format(column="pages: int"))
    with pytest.raises(InvalidInput, match=r"the 2 rows.*--backfill book\.pages=SQL") as refusal:
        books.make()
    assert refusal.value.code == "backfill_needed"
    assert list(books.shop.versions.glob("*.py")) == [
        each for each in books.shop.versions.glob("*.py") if "create" in each.name
    ]


def test_on_a_table_without_rows_it_is_written_with_a_warning(desk: Desk) -> None:
    desk.models(BOOK.format(column=""))
    desk.up()
    desk.models(BOOK.format(column="pages: int"))
    made = desk.make()
    assert made is not None
    assert "fails on a table with rows" in made.warnings[0]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("active: bool = True", True),
        ('kind: str = "it\'s: new"', "it's: new"),
        ("number: int = 3", 3),
        ("ratio: float = 0.5", 0.5),
    ],
)
def test_the_models_own_default_is_what_rows_get(books: Desk, column: str, value: object) -> None:
    books.models(BOOK.format(column=column))
    books.stairs()
    name = column.partition(":")[0]
    assert {row[0] for row in books.look.rows(f"SELECT {name} FROM book")} == {value}


def test_a_value_that_is_one_for_all_rewrites_nothing(books: Desk, database_url: str) -> None:
    books.models(BOOK.format(column="pages: int"))
    if database_url.startswith("sqlite"):
        books.up(backfill=("book.pages=7",))
        return
    node = "SELECT pg_relation_filenode('book')"
    before = books.look.rows(node)
    books.up(backfill=("book.pages=7",))
    assert books.look.rows(node) == before


@pytest.mark.parametrize("key", ["book.slug", "slug"])
def test_a_value_may_be_computed_for_each_row(books: Desk, key: str) -> None:
    books.models(BOOK.format(column="slug: str = Field(unique=True)"))
    books.stairs(backfill=(f"{key}=lower(coalesce(title, 'none:' || id))",))
    assert books.look.rows("SELECT slug FROM book ORDER BY id") == [("x",), ("none:2",)]


def test_null_that_is_forbidden_now_is_filled_or_refused(books: Desk) -> None:
    models = BOOK.format(column="").replace("str | None = None", "str")
    books.models(models)
    with pytest.raises(InvalidInput, match=r"is in 1 rows.*--backfill book\.title=SQL"):
        books.make()
    books.stairs(backfill=("book.title='untitled'",))
    assert books.look.rows("SELECT title FROM book ORDER BY id") == [("X",), ("untitled",)]


def test_all_that_is_missing_is_said_at_once(books: Desk) -> None:
    books.models(BOOK.format(column="pages: int\n    weight: float"))
    with pytest.raises(InvalidInput, match=r"book\.pages.*book\.weight"):
        books.make()


def test_a_column_that_is_dropped_can_come_back(books: Desk) -> None:
    books.models(BOOK.format(column="pages: int\n    made: datetime = Field(sa_type=sa.DateTime)"))
    books.up(backfill=("pages=3", "made=CURRENT_TIMESTAMP"))
    books.models(BOOK.format(column=""))
    books.stairs()
    books.down()
    assert books.look.rows("SELECT pages FROM book ORDER BY id") == [(0,), (0,)]


@pytest.mark.parametrize("said", ["book.pages", "=3", "book.pages="])
def test_a_mistyped_backfill_says_what_would_do(said: str) -> None:
    with pytest.raises(InvalidInput, match=r"--backfill takes table\.column=SQL"):
        backfills([said])


def test_the_models_own_default_stays_for_the_code_still_running(books: Desk) -> None:
    books.models(BOOK.format(column='kind: str = "new"'))
    books.up()
    books.look.execute("INSERT INTO book (id, title) VALUES (3, 'by the code before')")
    books.models(BOOK.format(column='kind: str = "old"'))
    books.stairs()  # a default that is no longer the model's own goes


def test_where_alembic_compares_defaults_it_finds_nothing_to_change(books: Desk) -> None:
    books.shop.edit(
        "alembic/env.py",
        "target_metadata=target_metadata\n",
        "target_metadata=target_metadata, compare_server_default=True\n",
    )
    books.models(BOOK.format(column='kind: str = "new"'))
    books.stairs()
    assert "No new upgrade operations detected" in books.shop.alembic("check")
