"""How columns and their types are written into a revision."""

import pytest

from tests.migrations.drafting import Desk

EVERY_KIND = """
import decimal
from datetime import date, time, timedelta
from typing import Any
from sqlalchemy.dialects import postgresql

class Kind(enum.Enum):
    small = "s"
    large = "l"

class Money(sa.types.TypeDecorator):
    impl = sa.Numeric(10, 2)
    cache_ok = True

class Tagged(sa.types.TypeDecorator):
    impl = sa.String
    cache_ok = True

    def __init__(self, tag):
        super().__init__(30)
        self.tag = tag

    def __repr__(self):
        return "what cannot be read back"

class Thing(Model, table=True):
    __table_args__ = (
        sa.CheckConstraint("number > 0", name="positive"),
        sa.UniqueConstraint("text", "number"),
    )
    id: int | None = Field(default=None, primary_key=True)
    text: str
    short: str = Field(max_length=20)
    number: int
    big: int = Field(sa_type=sa.BigInteger)
    ratio: float
    price: decimal.Decimal = Field(max_digits=8, decimal_places=2)
    on: bool = False
    day: date
    hour: time
    span: timedelta
    naive: datetime = Field(sa_type=sa.DateTime)
    aware: datetime = Field(sa_type=UTCDateTime)
    unique: uuid.UUID
    raw: bytes
    data: dict[str, Any] = Field(sa_type=sa.JSON)
    both: dict[str, Any] = Field(sa_type=sa.JSON().with_variant(postgresql.JSONB(), "postgresql"))
    kind: Kind
    money: decimal.Decimal = Field(sa_type=Money)
    tagged: str = Field(sa_type=Tagged("x"))
    note: str | None = Field(default=None, sa_column_kwargs={"server_default": "none: yet"})
    made: datetime = Field(sa_type=sa.DateTime, sa_column_kwargs={"server_default": sa.func.now()})
"""


def test_every_kind_of_column_goes_up_and_down_and_is_found_the_same(desk: Desk) -> None:
    desk.models(EVERY_KIND)
    text = desk.stairs()
    assert "import models" in text  # the app's own type, by its module
    assert "models.Money(" in text
    assert "models.Tagged" not in text  # not by what cannot be read back


def test_constraints_are_named_by_the_convention(desk: Desk) -> None:
    desk.models(EVERY_KIND)
    text = desk.up()
    assert "name=op.f('ck_thing_positive')" in text
    assert "name=op.f('uq_thing_text')" in text


def test_without_a_convention_constraints_get_names_all_the_same(desk: Desk) -> None:
    desk.models(
        """
        class Base(DeclarativeBase): pass

        class Shelf(Base):
            __tablename__ = "shelf"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str] = mapped_column(sa.String(20), unique=True)

        class Book(Base):
            __tablename__ = "book"
            __table_args__ = (sa.CheckConstraint("pages > 0"),)
            id: Mapped[int] = mapped_column(primary_key=True)
            pages: Mapped[int]
            shelf_id: Mapped[int] = mapped_column(sa.ForeignKey("shelf.id"))
        """
    )
    text = desk.stairs()
    for name in ("uq_shelf_name", "fk_book_shelf_id_shelf", "ck_book_pages"):
        assert name in text


@pytest.mark.parametrize(
    ("before", "after"), [("0", "7"), ("'new'", "'old'"), (None, "'a: b'"), ("'x'", None)]
)
def test_a_changed_default_is_seen_and_undone(
    desk: Desk, before: str | None, after: str | None
) -> None:
    def models(default: str | None) -> str:
        given = f"server_default=sa.text({default!r})" if default else ""
        type_ = "sa.Integer" if (default or before or "'")[0] != "'" else "sa.String(9)"
        return f"""
        class Book(Base):
            __tablename__ = "book"
            id: Mapped[int] = mapped_column(primary_key=True)
            kind = mapped_column({type_}, {given})
        """

    desk.models(models(before))
    desk.up()
    desk.models(models(after))
    desk.stairs()


DEFAULTS = """
class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    a = mapped_column(sa.Boolean, server_default=sa.true())
    b = mapped_column(sa.Boolean, server_default=sa.text("false"))
    c = mapped_column(sa.Integer, server_default="3")
    d = mapped_column(sa.String(9), server_default="it's")
    e = mapped_column(sa.DateTime, server_default=sa.func.now())
    f = mapped_column(sa.JSON, server_default='{"a": 1}')
    g = mapped_column(sa.Numeric(8, 2), server_default="1.50")
    h = mapped_column(sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP"))
    i = mapped_column(sa.String(40), server_default="")
    j = mapped_column(sa.Integer, sa.Computed("c + 1", persisted=True))
"""


def test_defaults_that_did_not_change_are_found_the_same(desk: Desk) -> None:
    desk.models(DEFAULTS)
    desk.stairs()


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("sa.String(20)", "sa.Integer", "7"),
        ("sa.Integer", "sa.BigInteger", "7"),
        ("sa.Integer", "sa.String(30)", "7"),
        ("sa.String(20)", 'sa.Enum("a", "b", name="letter")', "'a'"),
        ('sa.Enum("a", "b", name="letter")', "sa.Text", "'a'"),
        ("sa.Integer", "sa.Boolean", "1"),
    ],
)
def test_a_column_may_be_of_another_type(desk: Desk, before: str, after: str, value: str) -> None:
    models = """
        class Book(Base):
            __tablename__ = "book"
            id: Mapped[int] = mapped_column(primary_key=True)
            what = mapped_column({type})
    """
    desk.models(models.format(type=before))
    desk.up()
    desk.look.execute(f"INSERT INTO book VALUES (1, {value})")
    desk.models(models.format(type=after))
    desk.stairs()
    ((found,),) = desk.look.rows("SELECT what FROM book")
    assert str(found).strip("'") in (value.strip("'"), "True")
