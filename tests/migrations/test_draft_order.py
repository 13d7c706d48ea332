"""Tables come and go in the order that their references allow."""

import sys
from collections.abc import Iterator

import pytest

from tests.migrations.conftest import MakeShop
from tests.migrations.drafting import Desk
from tests.migrations.projects import Look
from tests.services.databases import Databases

AUTHOR = """
class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.fixture
def database_url(postgres_databases: Databases) -> Iterator[str]:
    with postgres_databases.empty() as url:
        yield url


CIRCLE = """
class Team(Base):
    __tablename__ = "team"
    id: Mapped[int] = mapped_column(primary_key=True)
    captain_id = mapped_column(sa.ForeignKey("player.id", ondelete="SET NULL"))

class Player(Base):
    __tablename__ = "player"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("team.id"{alter}))
    mentor_id = mapped_column(sa.ForeignKey("player.id"))
"""


@pytest.mark.parametrize("alter", ["", ", use_alter=True"])
def test_tables_may_refer_to_each_other(desk: Desk, alter: str) -> None:
    desk.models(CIRCLE.format(alter=alter))
    desk.stairs()


def test_tables_that_refer_to_each_other_go_together(desk: Desk) -> None:
    desk.models(f"{AUTHOR}{CIRCLE.format(alter='')}")
    desk.up()
    desk.models(AUTHOR)
    desk.stairs()


def test_a_table_goes_after_the_column_that_refers_to_it(desk: Desk) -> None:
    book = """
class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    {column}
"""
    column = 'author_id = mapped_column(sa.ForeignKey("author.id"))'
    desk.models(AUTHOR + book.format(column=column))
    desk.up()
    desk.models(book.format(column=""))
    desk.stairs()


def test_an_async_env_is_as_good(
    make_shop: MakeShop, database_url: str, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    shop = make_shop(database_url, "async")
    (shop.versions / "shop_1.py").unlink()
    shop.edit("alembic/env.py", "target_metadata = None", "from models import target_metadata")
    desk = Desk(shop, look)
    desk.models(AUTHOR)
    desk.up()
    assert "author" in look.tables()


SHELVES = """
class Shelf(Base):
    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)

class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    {columns}
"""


@pytest.mark.parametrize("batch", [True, False])
def test_what_is_written_locks_no_table_in_use_in_batch_mode_either(
    desk: Desk, batch: bool
) -> None:
    if batch:
        desk.shop.edit(
            "alembic/env.py",
            "target_metadata=target_metadata\n",
            "target_metadata=target_metadata, render_as_batch=True\n",
        )
    desk.models(SHELVES.format(columns=""))
    desk.up()
    columns = """
    isbn = mapped_column(sa.String(20), unique=True)
    title = mapped_column(sa.String(20), index=True)
    shelf_id = mapped_column(sa.ForeignKey("shelf.id"))
"""
    desk.models(SHELVES.format(columns=columns))
    text = desk.stairs()
    assert "postgresql_concurrently=True" in text
    assert "postgresql_not_valid=True" in text
    assert ("PRAGMA foreign_keys" in text) is batch


def test_what_is_wanted_plain_is_plain(desk: Desk) -> None:
    desk.models(SHELVES.format(columns=""))
    desk.up()
    desk.models(SHELVES.format(columns="title = mapped_column(sa.String(20), index=True)"))
    made = desk.make(plain=True)
    assert made is not None
    assert "concurrently" not in made.text
