"""A naming convention may come later, and indexes of every kind are found the same."""

import pytest

from tests.migrations.drafting import Desk

UNNAMED = """
class Base(DeclarativeBase):
    metadata = sa.MetaData({convention})

class Shelf(Base):
    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)

class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int] = mapped_column(sa.ForeignKey("shelf.id"))
"""


@pytest.fixture
def shelves(desk: Desk) -> Desk:
    """Tables whose constraints have the names that the database gives, if any."""
    desk.models(UNNAMED.format(convention=""))
    made = desk.make()
    assert made is not None
    text = made.text
    for name in ("uq_shelf_name", "fk_book_shelf_id_shelf"):
        assert f", name=op.f('{name}')" in text
        text = text.replace(f", name=op.f('{name}')", "")
    made.path.write_text(text)
    desk.run()
    desk.look.execute("INSERT INTO shelf VALUES (1, 'x')", "INSERT INTO book VALUES (1, 1)")
    return desk


def test_a_convention_that_is_switched_on_later_renames_and_loses_nothing(shelves: Desk) -> None:
    shelves.models(UNNAMED.format(convention="naming_convention=CONVENTION"))
    if shelves.shop.url.startswith("postgresql"):
        text = shelves.stairs()
        assert "RENAME CONSTRAINT shelf_name_key TO uq_shelf_name" in text
    else:
        assert shelves.make() is None  # SQLite has no name to change
    assert shelves.look.rows("SELECT * FROM book") == [(1, 1)]


def test_constraints_without_a_name_can_go(shelves: Desk) -> None:
    shelves.models(
        UNNAMED.format(convention="")
        .replace(", unique=True", "")
        .replace('sa.ForeignKey("shelf.id")', "")
    )
    shelves.stairs()
    assert shelves.look.rows("SELECT * FROM book") == [(1, 1)]


INDEXES = """
class Thing(Base):
    __tablename__ = "thing"
    __table_args__ = (
        sa.Index("ix_lower", sa.text("lower(name)"), unique=True),
        sa.Index("ix_partial", "number", postgresql_where=sa.text("number > 3"),
                 sqlite_where=sa.text("number > 3")),
        sa.Index("ix_down", sa.text("number DESC"), "name"),
        sa.Index("ix_both", "number", "name"),
        sa.CheckConstraint("number > 0", name="positive"),
    )
    id = mapped_column(sa.Integer, sa.Identity(always=True), primary_key=True)
    name = mapped_column(sa.String(20))
    number = mapped_column(sa.Integer)
    kind = mapped_column(
        sa.Enum({kinds}, name="kind", native_enum=False, create_constraint=True)
    )
"""


def test_indexes_of_every_kind_are_found_the_same(desk: Desk) -> None:
    desk.models(INDEXES.format(kinds="'a', 'b'"))
    desk.stairs()


def test_the_values_of_a_check_follow_the_model_on_every_database(desk: Desk) -> None:
    desk.models(INDEXES.format(kinds="'a', 'b'"))
    desk.up()
    desk.models(INDEXES.format(kinds="'a', 'b', 'third'"))
    desk.stairs()
    desk.look.execute("INSERT INTO thing (name, number, kind) VALUES ('x', 1, 'third')")
    with pytest.raises(Exception, match=r"(?i)check constraint"):
        desk.look.execute("INSERT INTO thing (name, number, kind) VALUES ('y', 1, 'wrong')")


def test_a_named_check_comes_and_goes_with_the_model(desk: Desk) -> None:
    check = 'sa.CheckConstraint("number > 0", name="positive"),'
    desk.models(INDEXES.format(kinds="'a'").replace(check, ""))
    desk.up()
    desk.models(INDEXES.format(kinds="'a'"))
    assert "ck_thing_positive" in desk.stairs()
